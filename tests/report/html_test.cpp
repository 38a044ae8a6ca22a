#include "report/html.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "report/base64.hpp"
#include "report/chart.hpp"
#include "report/curves.hpp"
#include "report/example_run.hpp"

namespace vox::report {
namespace {

using testing::HasSubstr;
using testing::Not;

size_t count(const std::string& text, const std::string& part) {
    size_t found = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++found;
    return found;
}

/// Asks the page what it really drew, after the page's own script has run.
constexpr const char* kProbe = R"(<script>
addEventListener('load', () => {
  const inside = (part, frame) => part.left >= frame.left - 1 && part.right <= frame.right + 1 && part.top >= frame.top - 1 &&
                                  part.bottom <= frame.bottom + 1;
  const inside_svg = (part) => inside(part.getBoundingClientRect(), part.ownerSVGElement.getBoundingClientRect());
  const curves = [...document.querySelectorAll('path.curve')];
  const images = [...document.images];
  const svg = document.querySelector('.chart svg');
  const box = svg.getBoundingClientRect();
  svg.dispatchEvent(new PointerEvent('pointermove', {clientX: box.left + box.width / 2, clientY: box.top + box.height / 2}));
  document.body.dataset.probe = JSON.stringify({
    charts: document.querySelectorAll('.chart svg').length,
    curves: curves.length,
    drawn: curves.filter((c) => c.getTotalLength() > 20 && getComputedStyle(c).stroke.startsWith('rgb') && inside_svg(c)).length,
    images: images.length,
    decoded: images.filter((i) => i.complete && i.naturalWidth > 100 && i.getBoundingClientRect().width > 100).length,
    tip: [...document.querySelector('.tip').children].map((line) => line.textContent),
    labels_outside: [...document.querySelectorAll('svg text')].filter((t) => !inside_svg(t)).map((t) => t.textContent),
    sideways: document.documentElement.scrollWidth > innerWidth,
  });
});
</script>)";

struct Opened {
    nlohmann::json probe;
    size_t console_messages = 0;
    std::string log;
};

/// Opens the page in headless Chromium, without network.
Opened open_in_browser(const std::string& page, const std::filesystem::path& folder, int width = 1280) {
    write_text(folder / "page.html", page + kProbe);
    const auto quoted = [](const std::filesystem::path& path) { return "'" + path.string() + "'"; };
    const auto dom = run_program(
        "timeout 120 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run "
        "--disable-extensions --host-resolver-rules='MAP * ~NOTFOUND' --virtual-time-budget=5000 "
        "--enable-logging=stderr --v=0 --window-size=" +
        std::to_string(width) + ",900 --user-data-dir=" + quoted(folder / "profile") + " --dump-dom file://" +
        quoted(folder / "page.html") + " 2>" + quoted(folder / "browser.log"));
    EXPECT_EQ(dom.exit_code, 0);
    Opened opened;
    opened.log = read_text(folder / "browser.log");
    opened.console_messages = count(opened.log, "CONSOLE");
    const std::string key = "data-probe=\"";
    const auto begin = dom.output.find(key);
    if (begin == std::string::npos) return opened;
    std::string text = dom.output.substr(begin + key.size());
    text = text.substr(0, text.find('"'));
    for (size_t at = 0; (at = text.find("&quot;", at)) != std::string::npos;) text.replace(at, 6, "\"");
    opened.probe = nlohmann::json::parse(text);
    return opened;
}

bool browser_is_there() { return run_program("command -v chromium").exit_code == 0; }

TEST(Html, ABrowserDrawsEveryCurveAndSliceWithoutAComplaint) {
    if (!browser_is_there()) GTEST_SKIP() << "chromium is not installed";
    const TemporaryFolder folder;
    write_example_run(folder.path() / "run");
    write_report(folder.path() / "run");
    const std::string page = read_text(folder.path() / "run" / "report.html");
    if (const auto build = environment("VOX_BUILD_DIR"); !build.empty())
        write_text(build + "/report_example.html", page);  // to look at
    const Opened opened = open_in_browser(page, folder.path());
    EXPECT_EQ(opened.console_messages, 0U) << opened.log;
    ASSERT_TRUE(opened.probe.is_object()) << opened.log;
    // loss, lr, gradient norm, throughput, data wait, memory, step time; Dice.  Cases and seconds of validations are no curves.
    EXPECT_EQ(opened.probe["charts"], 8);
    // total TC WT ET | lr | norm | both ranks and their sum | wait | two ranks | step | mean TC WT ET
    EXPECT_EQ(opened.probe["curves"], 4 + 1 + 1 + 3 + 1 + 2 + 1 + 4);
    EXPECT_EQ(opened.probe["drawn"], opened.probe["curves"]);
    EXPECT_EQ(opened.probe["images"], 2);
    EXPECT_EQ(opened.probe["decoded"], 2);
    EXPECT_EQ(opened.probe["labels_outside"], nlohmann::json::array());
    ASSERT_EQ(opened.probe["tip"].size(), 5U) << "the step and four losses under the pointer";
    EXPECT_THAT(opened.probe["tip"][0].get<std::string>(), HasSubstr("step "));
    EXPECT_THAT(opened.probe["tip"][1].get<std::string>(), HasSubstr("total"));

    const Opened narrow = open_in_browser(page, folder.path(), 500);
    ASSERT_TRUE(narrow.probe.is_object()) << narrow.log;
    EXPECT_EQ(narrow.probe["sideways"], false);
    EXPECT_EQ(narrow.probe["drawn"], narrow.probe["curves"]);
}

TEST(Html, TheBrowserTestNoticesAScriptThatFails) {
    if (!browser_is_there()) GTEST_SKIP() << "chromium is not installed";
    const TemporaryFolder folder;
    const Opened opened = open_in_browser(
        "<!DOCTYPE html><div class=chart><svg></svg></div><script>no_such_function();</script>", folder.path());
    EXPECT_GE(opened.console_messages, 1U) << opened.log;
}

TEST(Html, NeedsNoNetworkAndEscapesWhatTheRunWrote) {
    const TemporaryFolder folder;
    write_example_run(folder.path() / "run");
    const std::string page = render_report(folder.path() / "run");
    EXPECT_THAT(page, Not(HasSubstr("://")));
    EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
    EXPECT_THAT(page, HasSubstr("&lt;/pre&gt;"));
    EXPECT_THAT(page, HasSubstr("Not finite: ET at step 123"));
    EXPECT_THAT(page, HasSubstr("7 min 11 s"));
    EXPECT_THAT(page, HasSubstr("train.steps reached"));
}

TEST(Html, AnEmptyFolderGivesAPageThatSaysWhatIsMissing) {
    const TemporaryFolder folder;
    write_report(folder.path());
    const std::string page = read_text(folder.path() / "report.html");
    for (const char* text :
         {"No validation yet", "No step was logged yet", "No previews yet", "No timings yet", "No configuration"}) {
        EXPECT_THAT(page, HasSubstr(text));
    }
}

TEST(Html, PassesOverAHalfWrittenLineAndAHalfWrittenPicture) {
    const TemporaryFolder folder;
    write_example_run(folder.path());
    const std::string whole = render_report(folder.path());
    write_text(folder.path() / "previews" / "step_00000999_case.png",
               read_text(folder.path() / "previews" / "step_00000400_case_007.png").substr(0, 20));
    write_text(folder.path() / "metrics.jsonl",
               read_text(folder.path() / "metrics.jsonl") + "{\"kind\":\"step\",\"step\":401,\"lo");
    const std::string again = render_report(folder.path());
    EXPECT_EQ(count(again, "<path class=\"curve\""), count(whole, "<path class=\"curve\""));
    EXPECT_EQ(count(again, "data:image/png"), 2U);
    EXPECT_THAT(again, Not(HasSubstr("damaged lines")));
    write_text(folder.path() / "metrics.jsonl", "{\"kind\":\n" + read_text(folder.path() / "metrics.jsonl"));
    EXPECT_THAT(render_report(folder.path()), HasSubstr("1 damaged lines"));
}

TEST(Html, SaysThatItCannotWrite) { EXPECT_THROW(write_report("/proc/vox_no_such_folder"), core::WriteError); }

TEST(Chart, TicksAreRoundNumbers) {
    EXPECT_EQ(round_ticks(0.0, 1.0, 5), (std::vector<double>{0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0}));
    EXPECT_EQ(round_ticks(3.0, 397.0, 6), (std::vector<double>{50.0, 100.0, 150.0, 200.0, 250.0, 300.0, 350.0}));
    EXPECT_EQ(round_ticks(5.0, 5.0, 4), (std::vector<double>{5.0}));
}

TEST(Base64, MatchesTheStandardsExamples) {
    // RFC 4648, section 10.
    EXPECT_EQ(base64(""), "");
    EXPECT_EQ(base64("f"), "Zg==");
    EXPECT_EQ(base64("fo"), "Zm8=");
    EXPECT_EQ(base64("foo"), "Zm9v");
    EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
    EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

// The table of figures marks the best validation of each.
TEST(Curves, DistancesAreBetterWhereTheyAreSmall) {
    for (const std::string name : {"hd95", "hd100/TZ", "hd97.5/PZ", "assd", "asd/TZ", "loss/dice_TC"})
        EXPECT_FALSE(higher_is_better(name)) << name;
    for (const std::string name : {"dice", "dice/TZ", "lesion_ap", "lesion_auroc"})
        EXPECT_TRUE(higher_is_better(name)) << name;
}

TEST(Curves, ValidationOfDistancesAndLesionsHasUnits) {
    History history;
    history.last_step = 4;
    for (const std::string name : {"lesion_ap", "assd", "hd95"})
        history.validation.push_back({name, {{name, {2, 4}, {0.5, 0.75}}, {"TZ", {2, 4}, {0.5, 1.5}}}});
    std::vector<std::string> units, names;
    for (const auto& chart : validation_charts(history)) {
        units.push_back(chart.unit);
        for (const auto& series : chart.series) names.push_back(series.name);
    }
    EXPECT_THAT(units, testing::ElementsAre("mm", "mm", "average precision"));
    EXPECT_THAT(names, testing::ElementsAre("mean", "TZ", "mean", "TZ", "all cases", "TZ"));
}

}  // namespace
}  // namespace vox::report
