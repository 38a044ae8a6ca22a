#include "report/progress.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace vox::report {
namespace {

TEST(ProgressText, SaysStepLossRateAndTimeLeft) {
    EXPECT_EQ(progress_text({120, 1000, 0.43211, 2.0, 8.0, "epoch 3"}),
              "step 120/1000 (12%)  loss 0.4321  2.00 steps/s  8.00 samples/s  ETA 7 min 20 s  epoch 3");
    EXPECT_EQ(progress_text({1, 1000, 0.5, 0.0, 0.0, ""}), "step 1/1000 (0%)  loss 0.5");
    EXPECT_EQ(progress_text({999, 1000, 0.5, 0.05, 0.5, ""}),
              "step 999/1000 (99%)  loss 0.5  20.0 s/step  0.500 samples/s  ETA 20.0 s");
}

/// A clock and sinks that the test holds.
struct Stage {
    double time = 100.0;
    std::vector<std::string> lines, statuses;

    ProgressOptions options(bool terminal, int64_t total, int64_t first = 0) {
        ProgressOptions options;
        options.total_steps = total;
        options.first_step = first;
        options.terminal = terminal;
        options.now = [this] { return time; };
        options.line = [this](const std::string& text) { lines.push_back(text); };
        options.status = [this](const std::string& text) { statuses.push_back(text); };
        return options;
    }
};

TEST(Progress, WritesPlainLinesAtIntervalsAndTheLastStep) {
    Stage stage;
    Progress progress(stage.options(false, 30));
    for (int64_t step = 1; step <= 30; ++step) {
        stage.time += 1.0;
        progress.update(step, 0.5, 4);
    }
    ASSERT_EQ(stage.lines.size(), 4U);  // the first step, after 10 s each, the last step
    EXPECT_TRUE(stage.lines[0].starts_with("step 1/30"));
    EXPECT_TRUE(stage.lines[1].starts_with("step 11/30"));
    EXPECT_TRUE(stage.lines[3].starts_with("step 30/30 (100%)"));
    EXPECT_NE(stage.lines[2].find("1.00 steps/s  4.00 samples/s  ETA 9.0 s"), std::string::npos) << stage.lines[2];
    EXPECT_TRUE(stage.statuses.empty());
}

TEST(Progress, KeepsOneLineOnATerminalAndLeavesTheLastBehind) {
    Stage stage;
    auto progress = std::make_unique<Progress>(stage.options(true, 3));
    for (int64_t step = 1; step <= 3; ++step) {
        stage.time += 1.0;
        progress->update(step, 0.5, 1, "dice 0.7");
    }
    progress.reset();
    EXPECT_EQ(stage.lines.size(), 1U);
    EXPECT_TRUE(stage.lines[0].starts_with("step 3/3"));
    ASSERT_GE(stage.statuses.size(), 3U);
    EXPECT_TRUE(stage.statuses[1].starts_with("step 2/3"));
    EXPECT_TRUE(stage.statuses[1].ends_with("dice 0.7"));
    EXPECT_EQ(stage.statuses.back(), "");
}

TEST(Progress, CountsRatesFromTheResumedStep) {
    Stage stage;
    Progress progress(stage.options(false, 1000, 500));
    stage.time += 2.0;
    progress.update(501, 0.5, 4);
    EXPECT_NE(stage.lines[0].find("0.500 steps/s"), std::string::npos) << stage.lines[0];
}

TEST(Progress, LeavesPausesOutOfTheRateAndForgetsASlowStart) {
    Stage stage;
    Progress progress(stage.options(false, 1000));
    stage.time += 60.0;  // the first step compiles kernels
    progress.update(1, 0.5, 2);
    for (int64_t step = 2; step <= 100; ++step) {
        stage.time += 1.0;
        progress.update(step, 0.5, 2);
        if (step % 10 == 0) {
            progress.pause();
            stage.time += 500.0;  // a validation
            progress.resume();
        }
    }
    EXPECT_NE(stage.lines.back().find("1.00 steps/s  2.00 samples/s"), std::string::npos) << stage.lines.back();
}

}  // namespace
}  // namespace vox::report
