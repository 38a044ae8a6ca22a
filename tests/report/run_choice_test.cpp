#include "report/run_choice.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <set>

#include "core/error.hpp"
#include "core/text.hpp"
#include "report/run_folder.hpp"
#include "report/support.hpp"

namespace vox::report {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

RunOptions policy(const std::string& if_exists) {
    RunOptions options;
    options.if_exists = if_exists;
    return options;
}

const RunOptions kUse = policy("use"), kNumber = policy("number"), kFail = policy("fail");

std::string refusal(const fs::path& wanted, const RunOptions& options) {
    try {
        choose_run_folder(wanted, options, {});
    } catch (const core::WriteError& error) {
        return error.what();
    }
    return "";
}

TEST(RunChoice, UseIsWhatWasAskedForAndMakesNothing) {
    const TemporaryFolder parent;
    EXPECT_EQ(choose_run_folder(parent.path() / "run", kUse, {}), parent.path() / "run");
    EXPECT_TRUE(fs::is_empty(parent.path()));
}

TEST(RunChoice, NumberTakesTheFirstThatIsNotThere) {
    const TemporaryFolder parent;
    const fs::path wanted = parent.path() / "runs" / "a";
    EXPECT_EQ(choose_run_folder(wanted, kNumber, {}), wanted);
    write_text(wanted / "metrics.jsonl", "mine");
    EXPECT_EQ(choose_run_folder(wanted, kNumber, {}), parent.path() / "runs" / "a_1");
    write_text(parent.path() / "runs" / "a_2", "a file");
    EXPECT_EQ(choose_run_folder(wanted / "", kNumber, {}), parent.path() / "runs" / "a_3");
    EXPECT_EQ(read_text(wanted / "metrics.jsonl"), "mine");
    fs::remove_all(parent.path() / "runs" / "a_1");
    EXPECT_EQ(choose_run_folder(wanted, kNumber, {}), parent.path() / "runs" / "a_1");
}

TEST(RunChoice, FailRefusesWhatIsThere) {
    const TemporaryFolder parent;
    const fs::path wanted = parent.path() / "run";
    EXPECT_EQ(choose_run_folder(wanted, kFail, {}), wanted);
    EXPECT_THAT(refusal(wanted, kFail),
                AllOf(HasSubstr(wanted.string()), HasSubstr("is there already"), HasSubstr("run.if_exists")));
}

TEST(RunChoice, APlaceThatCannotBeWrittenIsNamed) {
    for (const auto& options : {kNumber, kFail}) {
        EXPECT_THAT(refusal("/proc/vox_run", options), AllOf(HasSubstr("/proc/vox_run"), HasSubstr("can be written")));
        EXPECT_THAT(refusal("/proc/vox/run", options), AllOf(HasSubstr("/proc/vox"), HasSubstr("can be written")));
    }
}

TEST(RunChoice, JobsThatStartAtOnceEachGetTheirOwn) {
    const TemporaryFolder parent;
    constexpr int kJobs = 8;
    int go[2], answers[2];
    ASSERT_EQ(pipe(go), 0);
    ASSERT_EQ(pipe(answers), 0);
    for (int job = 0; job < kJobs; ++job) {
        if (fork() != 0) continue;
        close(go[1]);
        char byte = 0;
        if (read(go[0], &byte, 1) != 0) _exit(1);  // until the parent lets all go at once
        const std::string name = choose_run_folder(parent.path() / "run", kNumber, {}).filename().string() + "\n";
        _exit(write(answers[1], name.data(), name.size()) == static_cast<ssize_t>(name.size()) ? 0 : 1);
    }
    close(go[0]);
    close(go[1]);
    close(answers[1]);
    std::string text;
    char buffer[256];
    for (ssize_t count; (count = read(answers[0], buffer, sizeof buffer)) > 0;) text.append(buffer, count);
    for (int job = 0; job < kJobs; ++job) wait(nullptr);
    std::set<std::string> names, expected{"run"};
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) EXPECT_TRUE(names.insert(line).second) << line << " twice";
    for (int job = 1; job < kJobs; ++job) expected.insert(core::concat("run_", job));
    EXPECT_EQ(names, expected);
}

TEST(RunChoice, ARequeuedJobGoesOnInItsOwnFolder) {
    const TemporaryFolder parent;
    const fs::path wanted = parent.path() / "run";
    const auto start = [&](const Job& job, const RunOptions& options = kNumber) {
        const fs::path folder = choose_run_folder(wanted, options, job);
        const RunFolder held(folder, job.name);
        return folder.filename().string();
    };
    EXPECT_EQ(start({"Slurm job 1", false}), "run");
    EXPECT_EQ(start({"Slurm job 12", false}), "run_1");
    EXPECT_EQ(start({"Slurm job 3", false}), "run_2");
    EXPECT_EQ(start({"Slurm job 12", true}), "run_1");
    EXPECT_EQ(start({"Slurm job 12", true}, kFail), "run_1");
    EXPECT_EQ(start({"Slurm job 1", true}), "run");
    EXPECT_EQ(start({"Slurm job 2", true}), "run_3") << "it was killed before it had taken one";
    EXPECT_EQ(start({"Slurm job 12", false}), "run_4") << "a new start of the same number is no requeue";
    EXPECT_EQ(start({"Slurm job 12", true}), "run_4");
    fs::create_directories(parent.path() / "run_x");
    fs::create_directories(parent.path() / "run_09");
    EXPECT_EQ(start({"", false}), "run_5");
}

TEST(RunChoice, SlurmSaysWhichJobThisIs) {
    unsetenv("SLURM_JOB_ID");
    unsetenv("SLURM_RESTART_COUNT");
    EXPECT_EQ(Job::from_environment().name, "");
    setenv("SLURM_JOB_ID", "4711", 1);
    EXPECT_EQ(Job::from_environment().name, "Slurm job 4711");
    EXPECT_FALSE(Job::from_environment().restarted);
    setenv("SLURM_RESTART_COUNT", "0", 1);
    EXPECT_FALSE(Job::from_environment().restarted);
    setenv("SLURM_RESTART_COUNT", "2", 1);
    EXPECT_TRUE(Job::from_environment().restarted);
    unsetenv("SLURM_JOB_ID");
    EXPECT_FALSE(Job::from_environment().restarted);
    unsetenv("SLURM_RESTART_COUNT");
}

TEST(RunChoiceOptions, KnowThreeWords) {
    const auto read = [](const std::string& text) {
        auto document = config::Document::parse(text, "test");
        auto root = document.root();
        RunOptions options;
        options.read(root);
        return options.if_exists;
    };
    EXPECT_EQ(read("{}"), "use");
    EXPECT_EQ(read("if_exists: number"), "number");
    EXPECT_THROW(read("if_exists: overwrite"), core::ConfigError);
}

}  // namespace
}  // namespace vox::report
