// How a program ends: each kind of error has its code, all ranks leave with it, and nobody waits for a rank that is lost.

#include "app/program.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "core/text.hpp"
#include "core/timer.hpp"
#include "support/temporary_folder.hpp"

namespace vox::app {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Outcome {
    int code = -1;
    double seconds = 0;
    std::string output;  // of both streams, of all ranks
};

/// Through mpirun; 0 ranks: started by hand.
Outcome run(int ranks, const std::string& arguments) {
    std::string command = core::concat("timeout 100 ");
    if (ranks > 0) command += core::concat("mpirun --allow-run-as-root --oversubscribe -np ", ranks, " ");
    command += core::concat(std::getenv("VOX_BUILD_DIR"), "/tests/app.failing_program ", arguments, " 2>&1");
    const core::Timer timer;
    Outcome outcome;
    FILE* const pipe = popen(command.c_str(), "r");
    std::array<char, 4096> buffer{};
    while (const size_t count = fread(buffer.data(), 1, buffer.size(), pipe))
        outcome.output.append(buffer.data(), count);
    const int status = pclose(pipe);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    outcome.seconds = timer.seconds();
    return outcome;
}

size_t times(const std::string& text, const std::string& part) {
    size_t count = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
    return count;
}

constexpr double kEndsWithinS = 30;  // a hang bound; promised are 10 s on a machine with nothing else to do

struct Kind {
    const char* how;
    int code;
    const char* message;
};

class ErrorKinds : public testing::TestWithParam<Kind> {};

TEST_P(ErrorKinds, HaveTheirExitCodeAndMessage) {
    const auto& [how, code, message] = GetParam();
    for (const int ranks : {1, 2}) {
        const Outcome all = run(ranks, core::concat("--how ", how));
        EXPECT_EQ(all.code, code) << ranks << " ranks: " << all.output;
        EXPECT_EQ(times(all.output, message), 1u) << "the same error of all ranks is told once: " << all.output;
    }
}

INSTANTIATE_TEST_SUITE_P(All, ErrorKinds,
                         testing::Values(Kind{"usage", 64, "case_007 is not what it should be  [failing_program.cpp:"},
                                         Kind{"data", 65, "case_007 is not what it should be  [failing_program.cpp:"},
                                         Kind{"internal", 70, "internal error at failing_program.cpp:"},
                                         Kind{"standard", 70, "case_007 is not what it should be"},
                                         Kind{"memory", 70, "out of memory: use smaller crops"},
                                         Kind{"write", 73, "case_007 is not what it should be  [failing_program.cpp:"},
                                         Kind{"peer", 76, "case_007 is not what it should be  [failing_program.cpp:"},
                                         Kind{"config", 78,
                                              "case_007 is not what it should be  [failing_program.cpp:"}),
                         [](const auto& info) { return info.param.how; });

TEST(Program, AnErrorOfOneRankEndsTheOthersThatWait) {
    const Outcome one = run(2, "--rank 1 --how config");
    EXPECT_EQ(one.code, 78) << one.output;
    EXPECT_THAT(one.output, HasSubstr("rank 1 on "));
    EXPECT_THAT(one.output, HasSubstr("case_007 is not what it should be  [failing_program.cpp:"));
    EXPECT_LT(one.seconds, kEndsWithinS);
}

TEST(Program, EndsWellAndAnswersHelpAndVersionOnRankZeroOnly) {
    for (const int ranks : {0, 1, 2}) {
        EXPECT_EQ(run(ranks, "").code, 0);
        const Outcome help = run(ranks, "--help");
        EXPECT_EQ(help.code, 0) << help.output;
        EXPECT_EQ(times(help.output, "failing_program: Goes wrong on purpose."), 1u) << help.output;
        EXPECT_EQ(times(help.output, "--folder"), 1u);
        const Outcome version = run(ranks, "--version");
        EXPECT_EQ(version.code, 0) << version.output;
        EXPECT_EQ(times(version.output, "LibTorch"), 1u) << version.output;
    }
}

TEST(Program, WhatTheCommandLineDoesNotKnowIsAUsageError) {
    for (const auto& [wrong, ranks] :
         {std::pair{"--frobnicate", 2}, {"--frobnicate", 1}, {"--rank few", 0}, {"stray", 0}, {"--rank", 0}}) {
        const Outcome outcome = run(ranks, wrong);
        EXPECT_EQ(outcome.code, 64) << wrong << ": " << outcome.output;
        EXPECT_EQ(times(outcome.output, "failing_program --help lists the options"), 1u) << outcome.output;
    }
}

// ---- While it trains: contract 5

Outcome train(const std::string& how, const std::string& where, int ranks = 2) {
    const test::TemporaryFolder folder;
    return run(ranks, core::concat("--how ", how, " --where ", where, " --rank ", ranks - 1, " --folder ",
                                   folder.path().string()));
}

TEST(TrainingProgram, AnErrorInOneRanksLossEndsTheJob) {
    for (const int ranks : {1, 2, 3}) {
        const Outcome outcome = train("data", "loss", ranks);
        EXPECT_EQ(outcome.code, 65) << outcome.output;
        EXPECT_THAT(outcome.output, HasSubstr("case_007 is not what it should be  [failing_program.cpp:"));
        EXPECT_THAT(outcome.output, HasSubstr(ranks > 1 ? core::concat("rank ", ranks - 1, " on ") : "case_007"));
        EXPECT_LT(outcome.seconds, kEndsWithinS);
        std::cout << ranks << " ranks: over after " << outcome.seconds << " s\n";
    }
}

TEST(TrainingProgram, MemoryThatRunsOutSaysWhereAndWhatToDo) {
    const Outcome outcome = train("memory", "loss");
    EXPECT_EQ(outcome.code, 70) << outcome.output;
    for (const char* part :
         {"rank 1 on ", "out of memory in step 3, cases case_", "data.crop_size", "[trainer_step.cpp:"})
        EXPECT_THAT(outcome.output, HasSubstr(part));
    EXPECT_LT(outcome.seconds, kEndsWithinS);
}

TEST(TrainingProgram, AnErrorOfATensorOperationNamesStepAndCases) {
    const Outcome outcome = train("torch", "loss");
    EXPECT_EQ(outcome.code, 70) << outcome.output;
    for (const char* part : {"rank 1 on ", "internal error at trainer_step.cpp:", "step 3, cases case_"})
        EXPECT_THAT(outcome.output, HasSubstr(part));
}

TEST(TrainingProgram, ARankThatStandsStillIsNoticed) {
    for (const char* where : {"loss", "prepare"}) {  // in the gradients' collective; in the control plane's
        const Outcome outcome = train("stop", where);
        EXPECT_EQ(outcome.code, 76) << outcome.output;
        EXPECT_THAT(outcome.output, HasSubstr("rank 0 on "));
        EXPECT_THAT(outcome.output, HasSubstr("did not end within"));
        EXPECT_LT(outcome.seconds, kEndsWithinS) << where;
    }
}

}  // namespace
}  // namespace vox::app
