// Starts a program under mpirun whose last rank goes wrong while the others wait for it: the whole job has to end, soon and
// with a code that is not 0.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/text.hpp"
#include "core/timer.hpp"

namespace vox::comm {
namespace {

struct Outcome {
    int code = -1;
    double seconds = 0;
    std::string output;  // of both streams, of all ranks
};

Outcome outcome_of(const std::string& command) {
    const core::Timer timer;
    Outcome outcome;
    FILE* const pipe = popen((command + " 2>&1").c_str(), "r");
    std::array<char, 4096> buffer{};
    while (const size_t count = fread(buffer.data(), 1, buffer.size(), pipe))
        outcome.output.append(buffer.data(), count);
    const int status = pclose(pipe);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    outcome.seconds = timer.seconds();
    return outcome;
}

std::string built(const std::string& name) { return std::string(std::getenv("VOX_BUILD_DIR")) + "/tests/" + name; }

Outcome under_mpirun(int ranks, const std::string& command) {
    return outcome_of(core::concat("timeout 60 mpirun --allow-run-as-root --oversubscribe -np ", ranks, " ", command));
}

std::string program() { return built("comm.failing_program"); }

Outcome run_ranks(int ranks, const std::string& how) { return under_mpirun(ranks, program() + " " + how); }

constexpr double kEndsWithinS = 20;  // a hang bound; promised are 10 s on a machine with nothing else to do

TEST(Failure, NothingGoesWrong) {
    const Outcome outcome = run_ranks(3, "nothing");
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    EXPECT_THAT(outcome.output, testing::HasSubstr("finished with 3 ranks"));
}

TEST(Failure, AnExceptionOnOneRankEndsTheJobWithItsCodeAndMessage) {
    for (const int ranks : {2, 4}) {
        const Outcome outcome = run_ranks(ranks, "throw");
        EXPECT_EQ(outcome.code, 65) << outcome.output;
        EXPECT_THAT(outcome.output, testing::HasSubstr("case_007: damaged chunk"));
        EXPECT_THAT(outcome.output, testing::Not(testing::HasSubstr("finished")));
        EXPECT_LT(outcome.seconds, kEndsWithinS);
    }
}

TEST(Failure, AKilledRankEndsTheJob) {
    const Outcome outcome = run_ranks(3, "kill");
    EXPECT_NE(outcome.code, 0) << outcome.output;
    EXPECT_LT(outcome.seconds, kEndsWithinS);
}

TEST(Failure, ARankThatLeavesEarlyEndsTheJob) {
    const Outcome outcome = run_ranks(2, "leave");
    EXPECT_NE(outcome.code, 0) << outcome.output;
    EXPECT_LT(outcome.seconds, kEndsWithinS);
}

TEST(Failure, AStoppedRankIsNoticedAtTheTimeLimit) {
    const Outcome outcome = run_ranks(2, "stop");
    EXPECT_EQ(outcome.code, 76) << outcome.output;
    EXPECT_THAT(outcome.output, testing::HasSubstr("all_reduce_sum_async #1"));
    EXPECT_THAT(outcome.output, testing::HasSubstr("rank 0 on "));
    EXPECT_LT(outcome.seconds, kEndsWithinS);
}

TEST(Failure, WithoutMpirunTheSameProgramIsOneRank) {
    const Outcome outcome = outcome_of(program());
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    EXPECT_EQ(outcome.output, "finished with 1 ranks\n");
}

TEST(Failure, LonelyTasksOfSrunAreRefused) {
    // What a task sees under srun without an MPI plug-in.
    const Outcome outcome = outcome_of("SLURM_STEP_NUM_TASKS=4 " + program());
    EXPECT_EQ(outcome.code, 78) << outcome.output;
    EXPECT_THAT(outcome.output, testing::HasSubstr("srun --mpi=pmix"));
}

// The main of every distributed test is itself tested here: a failure on one rank must never pass.
Outcome run_distributed_test(int ranks, int expected_ranks, const std::string& test) {
    return under_mpirun(ranks, core::concat(built("comm.failing_tests"), " --expect-ranks=", expected_ranks,
                                            " --gtest_filter=OnPurpose.", test));
}

TEST(MpiTestMain, PassesWhereAllRanksPass) { EXPECT_EQ(run_distributed_test(3, 3, "Passes").code, 0); }

TEST(MpiTestMain, FailsInAWorldOfAnotherSize) {
    const Outcome outcome = run_distributed_test(2, 4, "Passes");
    EXPECT_NE(outcome.code, 0);
    EXPECT_THAT(outcome.output, testing::HasSubstr("expected 4 ranks, the world has 2"));
}

TEST(MpiTestMain, FailsWhereOneRankFails) {
    const Outcome outcome = run_distributed_test(3, 3, "FailsOnTheLastRank");
    EXPECT_NE(outcome.code, 0);
    EXPECT_THAT(outcome.output, testing::HasSubstr("[rank 2] OnPurpose.FailsOnTheLastRank"));
}

TEST(MpiTestMain, EndsWhereOneRankThrowsWhileOthersWait) {
    const Outcome outcome = run_distributed_test(3, 3, "ThrowsOnTheLastRank");
    EXPECT_NE(outcome.code, 0);
    EXPECT_THAT(outcome.output, testing::HasSubstr("disk full"));
    EXPECT_LT(outcome.seconds, kEndsWithinS);
}

TEST(MpiTestMain, IsSkippedOnlyWhereAllRanksSkipEverything) {
    EXPECT_EQ(run_distributed_test(2, 2, "SkipsEverywhere").code, 77);
    EXPECT_EQ(run_distributed_test(2, 2, "SkipsOnTheLastRank").code, 0);
}

}  // namespace
}  // namespace vox::comm
