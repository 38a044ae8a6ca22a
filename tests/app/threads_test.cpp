#include "app/threads.hpp"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <numeric>

#include "support/world.hpp"

namespace vox::app {
namespace {

std::vector<int> cores(int first, int count) {
    std::vector<int> numbers(static_cast<size_t>(count));
    std::iota(numbers.begin(), numbers.end(), first);
    return numbers;
}

TEST(ThreadsOfARank, RanksThatAreNotBoundShareTheNode) {
    const std::vector<RankCores> ranks(4, {"a", cores(0, 16)});
    EXPECT_EQ(threads_of_a_rank(ranks), 4);
}

TEST(ThreadsOfARank, ABoundRankTakesItsOwnCores) {
    const std::vector<RankCores> ranks{{"a", cores(0, 8)}, {"a", cores(8, 8)}, {"b", cores(0, 8)}, {"b", cores(8, 8)}};
    EXPECT_EQ(threads_of_a_rank(ranks), 8);
}

TEST(ThreadsOfARank, TheLeastCountsForAll) {
    const std::vector<RankCores> ranks{
        {"a", cores(0, 16)}, {"b", cores(0, 16)}, {"b", cores(0, 16)}, {"b", cores(0, 16)}};
    EXPECT_EQ(threads_of_a_rank(ranks), 5);
}

TEST(ThreadsOfARank, IsNeverLessThanOne) {
    const std::vector<RankCores> ranks(3, {"a", cores(4, 2)});
    EXPECT_EQ(threads_of_a_rank(ranks), 1);
}

class BoundToOneCore : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_EQ(sched_getaffinity(0, sizeof before_, &before_), 0);
        cpu_set_t one;
        CPU_ZERO(&one);
        for (int core = 0; core < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++core)
            if (CPU_ISSET(core, &before_)) CPU_SET(core, &one);
        ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    }
    void TearDown() override { sched_setaffinity(0, sizeof before_, &before_); }

private:
    cpu_set_t before_{};
};

TEST_F(BoundToOneCore, ARankTakesOneThreadHoweverManyCoresTheNodeHas) {
    EXPECT_EQ(settle_threads(test::world()), 1);
    EXPECT_EQ(at::get_num_threads(), 1);
}

TEST_F(BoundToOneCore, TheConfigurationWins) {
    EXPECT_EQ(settle_threads(test::world(), 3), 3);
    EXPECT_EQ(at::get_num_threads(), 3);
}

}  // namespace
}  // namespace vox::app
