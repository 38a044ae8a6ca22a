#include "report/run_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <optional>

#include "core/error.hpp"
#include "report/support.hpp"

namespace vox::report {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// The message of the WriteError that opening the folder gives; empty where it opens.
std::string refusal(const std::filesystem::path& root) {
    try {
        const RunFolder folder(root);
    } catch (const core::WriteError& error) {
        return error.what();
    }
    return "";
}

TEST(RunFolder, MakesTheFolderWithItsParts) {
    const TemporaryFolder parent;
    const RunFolder run(parent.path() / "runs" / "first");
    EXPECT_TRUE(std::filesystem::is_directory(run.paths().checkpoints()));
    EXPECT_TRUE(std::filesystem::is_directory(run.paths().previews()));
    EXPECT_TRUE(std::filesystem::is_directory(run.paths().tensorboard()));
    EXPECT_EQ(run.paths().metrics(), parent.path() / "runs" / "first" / "metrics.jsonl");
}

TEST(RunFolder, OpensAgainAfterItsOwnerIsGone) {
    const TemporaryFolder parent;
    {
        const RunFolder run(parent.path());
    }
    EXPECT_EQ(refusal(parent.path()), "");
}

TEST(RunFolder, RefusesAFileInItsPlace) {
    const TemporaryFolder parent;
    write_text(parent.path() / "run", "a file");
    EXPECT_THAT(refusal(parent.path() / "run"),
                AllOf(HasSubstr("run"), HasSubstr("a file is in its place"), HasSubstr("--run")));
    EXPECT_THAT(refusal(parent.path() / "run" / "below"), HasSubstr("cannot be created"));
    EXPECT_EQ(read_text(parent.path() / "run"), "a file");
}

TEST(RunFolder, RefusesAPlaceThatCannotBeWritten) {
    EXPECT_THAT(refusal("/proc/vox_run"), AllOf(HasSubstr("/proc/vox_run"), HasSubstr("can be written")));
}

TEST(RunFolder, RefusesASecondJobAndNamesTheFirst) {
    const TemporaryFolder parent;
    const RunFolder first(parent.path());
    char host[256] = {};
    gethostname(host, sizeof host - 1);
    EXPECT_THAT(refusal(parent.path()), AllOf(HasSubstr("in use by another job"),
                                              HasSubstr("process " + std::to_string(getpid()) + " on " + host)));
}

TEST(RunFolder, IsFreeAgainWhenItsJobWasKilled) {
    const TemporaryFolder parent;
    int ready[2];
    ASSERT_EQ(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        const RunFolder held(parent.path());
        const ssize_t written = write(ready[1], "x", 1);
        if (written == 1) pause();
        _exit(0);
    }
    char byte = 0;
    ASSERT_EQ(read(ready[0], &byte, 1), 1);
    EXPECT_THAT(refusal(parent.path()), HasSubstr("process " + std::to_string(child)));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    EXPECT_EQ(refusal(parent.path()), "");
}

}  // namespace
}  // namespace vox::report
