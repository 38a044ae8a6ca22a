#include "app/free_memory.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <fstream>
#include <limits>
#include <new>
#include <vector>

#include "support/temporary_folder.hpp"

namespace vox::app {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& file, const std::string& text) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
}

class ControlGroups : public testing::Test {
protected:
    int64_t free_of(const std::string& groups) {
        write(folder_.path() / "groups", groups);
        return free_of_control_groups(folder_.path() / "groups", folder_.path() / "fs");
    }
    fs::path at(const std::string& file) const { return folder_.path() / "fs" / file; }
    test::TemporaryFolder folder_;
};

TEST_F(ControlGroups, AParentsLimitHoldsAndCachedFilesAreFree) {
    write(at("slurm/memory.max"), "10000\n");
    write(at("slurm/memory.current"), "9000\n");
    write(at("slurm/memory.stat"), "anon 1\ninactive_file 4000\nfile 5000\n");
    write(at("slurm/job/memory.max"), "max\n");
    write(at("slurm/job/memory.current"), "500\n");
    EXPECT_EQ(free_of("0::/slurm/job\n"), 5000);
    write(at("slurm/job/memory.max"), "3000\n");
    EXPECT_EQ(free_of("0::/slurm/job\n"), 2500);
}

TEST_F(ControlGroups, VersionOne) {
    write(at("memory/job/memory.limit_in_bytes"), "8000\n");
    write(at("memory/job/memory.usage_in_bytes"), "3000\n");
    write(at("memory/memory.limit_in_bytes"), "9223372036854771712\n");
    EXPECT_EQ(free_of("3:cpu,cpuacct:/job\n5:memory:/job\n"), 5000);
}

TEST_F(ControlGroups, NoLimitAndNoGroups) {
    EXPECT_EQ(free_of("0::/\n"), std::numeric_limits<int64_t>::max());
    EXPECT_EQ(free_of(""), std::numeric_limits<int64_t>::max());
}

TEST_F(ControlGroups, MoreUsedThanAllowedIsNothingFree) {
    write(at("memory.max"), "100\n");
    write(at("memory.current"), "200\n");
    EXPECT_EQ(free_of("0::/\n"), 0);
}

TEST(FreeMemory, KnowsTheProcesssOwnLimit) {
    EXPECT_EQ(free_memory().process, std::numeric_limits<int64_t>::max());
    EXPECT_GT(free_memory().host, 0);
    rlimit before{};
    getrlimit(RLIMIT_AS, &before);
    const int64_t room = int64_t{1} << 33;
    rlimit limit = before;
    limit.rlim_cur = static_cast<rlim_t>(own_memory("VmSize:") + room);
    ASSERT_EQ(setrlimit(RLIMIT_AS, &limit), 0);
    const int64_t left = free_memory().process;
    setrlimit(RLIMIT_AS, &before);
    EXPECT_NEAR(static_cast<double>(left), static_cast<double>(room), 64e6);
}

TEST(MemoryLimit, RefusesWhatIsBeyondItWhileItLives) {
    constexpr size_t kRoom = size_t{256} << 20;
    const auto take = [](size_t bytes) { std::vector<char> large(bytes); };
    {
        const MemoryLimit limit(kRoom);
        take(kRoom / 2);
        EXPECT_THROW(take(2 * kRoom), std::bad_alloc);
    }
    take(2 * kRoom);
    {
        const MemoryLimit none(std::numeric_limits<int64_t>::max());
        take(2 * kRoom);
    }
    EXPECT_EQ(free_memory().process, std::numeric_limits<int64_t>::max());
}

TEST(OwnMemory, ThePeakIsCountedAnew) {
    constexpr size_t kBytes = size_t{256} << 20;
    {
        std::vector<char> large(kBytes, 1);
    }
    const int64_t with_large = own_memory("VmHWM:");
    forget_peak();
    EXPECT_LT(own_memory("VmHWM:"), with_large - static_cast<int64_t>(kBytes / 2));
    const int64_t before = own_memory("VmRSS:");
    {
        std::vector<char> large(kBytes, 1);
    }
    EXPECT_GE(own_memory("VmHWM:") - before, static_cast<int64_t>(kBytes * 9 / 10));
}

}  // namespace
}  // namespace vox::app
