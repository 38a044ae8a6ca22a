#include "report/metrics_log.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "report/support.hpp"

namespace vox::report {
namespace {

using Json = nlohmann::ordered_json;
constexpr double kInf = std::numeric_limits<double>::infinity();

std::vector<Json> lines_of(const std::filesystem::path& file) {
    std::vector<Json> lines;
    std::istringstream in(read_text(file));
    for (std::string line; std::getline(in, line);) lines.push_back(Json::parse(line));
    return lines;
}

std::vector<int64_t> steps_of(const std::filesystem::path& file) {
    std::vector<int64_t> steps;
    for (const auto& line : lines_of(file)) steps.push_back(line["step"].get<int64_t>());
    return steps;
}

TEST(MetricsLog, KeepsEveryFieldInItsOrderWithItsType) {
    const TemporaryFolder folder;
    const auto file = folder.path() / "metrics.jsonl";
    MetricsLog log(file, 0);
    log.write(Kind::step, 10,
              {{"epoch", 2},
               {"loss", 0.1},
               {"loss/dice", 1.0 / 3.0},
               {"samples_per_second", {1.5, 2.5}},
               {"note", "a \"quoted\" line\nand more"},
               {"memory_bytes", int64_t{1} << 53}});
    log.write(Kind::validation, 10, {{"dice/TC", 0.5}});

    const auto lines = lines_of(file);  // the log is still open: each line is there at once
    ASSERT_EQ(lines.size(), 2U);
    std::vector<std::string> names;
    for (const auto& [name, value] : lines[0].items()) names.push_back(name);
    EXPECT_EQ(names, (std::vector<std::string>{"kind", "step", "epoch", "loss", "loss/dice", "samples_per_second",
                                               "note", "memory_bytes"}));
    EXPECT_EQ(lines[0]["kind"], "step");
    EXPECT_TRUE(lines[0]["epoch"].is_number_integer());
    EXPECT_EQ(lines[0]["loss"].get<double>(), 0.1);  // the same bits after the way through text
    EXPECT_EQ(lines[0]["loss/dice"].get<double>(), 1.0 / 3.0);
    EXPECT_EQ(lines[0]["samples_per_second"].get<std::vector<double>>(), (std::vector<double>{1.5, 2.5}));
    EXPECT_EQ(lines[0]["note"], "a \"quoted\" line\nand more");
    EXPECT_EQ(lines[0]["memory_bytes"].get<int64_t>(), int64_t{1} << 53);
    EXPECT_EQ(lines[1]["kind"], "validation");
}

TEST(MetricsLog, WritesNumbersThatAreNotFiniteAsNullWithTheirText) {
    const auto line = Json::parse(to_json_line(
        Kind::step, 1,
        {{"loss", std::nan("")}, {"grad_norm", kInf}, {"least", -kInf}, {"per_rank", {1.0, kInf}}, {"lr", 0.5}}));
    EXPECT_TRUE(line["loss"].is_null());
    EXPECT_EQ(line["loss.text"], "nan");
    EXPECT_EQ(line["grad_norm.text"], "inf");
    EXPECT_EQ(line["least.text"], "-inf");
    EXPECT_EQ(line["per_rank"], Json::parse("[1.0, null]"));
    EXPECT_EQ(line["per_rank.text"], Json::parse("[null, \"inf\"]"));
    EXPECT_EQ(line["lr"], 0.5);
    EXPECT_FALSE(line.contains("lr.text"));
}

TEST(MetricsLog, CutsOffWhatLiesPastTheResumedStep) {
    const TemporaryFolder folder;
    const auto file = folder.path() / "metrics.jsonl";
    {
        MetricsLog log(file, 0);
        for (int64_t step = 1; step <= 6; ++step) log.write(Kind::step, step, {{"loss", 0.0}});
        log.write(Kind::validation, 6, {{"dice", 0.5}});
    }
    MetricsLog log(file, 4);
    log.write(Kind::step, 5, {{"loss", 1.0}});
    EXPECT_EQ(steps_of(file), (std::vector<int64_t>{1, 2, 3, 4, 5}));
    EXPECT_EQ(lines_of(file).back()["loss"], 1.0);
}

TEST(MetricsLog, DropsAHalfWrittenLineAndADamagedOne) {
    const TemporaryFolder folder;
    const auto file = folder.path() / "metrics.jsonl";
    const std::string whole = to_json_line(Kind::step, 1, {{"loss", 0.5}}) + "\n";
    write_text(file, whole + "{\"kind\": \"st\x01\n" + to_json_line(Kind::step, 2, {}) + "\n" +
                         "{\"kind\":\"step\",\"step\":3,\"lo");
    MetricsLog log(file, 10);
    log.write(Kind::step, 11, {});
    EXPECT_EQ(steps_of(file), (std::vector<int64_t>{1, 2, 11}));
}

TEST(MetricsLog, AStartFromZeroKeepsNothing) {
    const TemporaryFolder folder;
    const auto file = folder.path() / "metrics.jsonl";
    {
        MetricsLog(file, 0).write(Kind::step, 0, {});
    }
    MetricsLog log(file, 0);
    EXPECT_EQ(read_text(file), "");
}

TEST(MetricsLog, KeepsWhatTheDiskRefusesUntilItTakesIt) {
    EXPECT_THROW(MetricsLog("/proc/vox_no_such_folder/metrics.jsonl", 0), core::WriteError);
    const TemporaryFolder folder;
    MetricsLog log(folder.path() / "metrics.jsonl", 0);
    // A file size limit stands for the full disk.
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    const rlimit small{16, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    log.write(Kind::step, 1, {{"loss", 0.5}});
    log.write(Kind::step, 2, {{"loss", 0.25}});
    EXPECT_EQ(read_text(folder.path() / "metrics.jsonl").size(), 16U);
    EXPECT_THROW(log.flush(), core::WriteError);
    setrlimit(RLIMIT_FSIZE, &before);
    log.write(Kind::step, 3, {{"loss", 0.125}});
    log.flush();
    EXPECT_EQ(steps_of(folder.path() / "metrics.jsonl"), (std::vector<int64_t>{1, 2, 3}));
}

}  // namespace
}  // namespace vox::report
