#include "train/straggler.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vox::train {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<int> slow_ranks(const std::vector<double>& own_seconds) {
    std::vector<int> ranks;
    for (const auto& one : stragglers(own_seconds)) ranks.push_back(one.rank);
    return ranks;
}

TEST(Straggler, IsWhoTakesHalfAsMuchAgainAsTheOthers) {
    EXPECT_THAT(slow_ranks({0.1, 0.1, 0.16, 0.1}), ElementsAre(2));
    EXPECT_THAT(slow_ranks({0.1, 0.1, 0.14, 0.1}), IsEmpty());
    EXPECT_THAT(slow_ranks({0.3, 0.1}), ElementsAre(0));
    EXPECT_THAT(slow_ranks({0.1, 0.3, 0.3, 0.1, 0.1}), ElementsAre(1, 2));
    const auto slow = stragglers({0.1, 0.3, 0.2});
    ASSERT_EQ(slow.size(), 1u);
    EXPECT_EQ(slow[0].own_seconds, 0.3);
    EXPECT_DOUBLE_EQ(slow[0].others_seconds, 0.15);
}

TEST(Straggler, NobodyIsOneAloneBeforeTheTimesAreKnownOrByAFewMilliseconds) {
    EXPECT_THAT(slow_ranks({5.0}), IsEmpty());
    EXPECT_THAT(slow_ranks({}), IsEmpty());
    EXPECT_THAT(slow_ranks({0.1, 0.0}), IsEmpty());
    EXPECT_THAT(slow_ranks({0.001, 0.019}), IsEmpty());
}

TEST(OwnTime, IsTheMedianOfTheLastSteps) {
    OwnTime time;
    for (int step = 1; step <= 19; ++step) time.add(step);
    EXPECT_EQ(time.median(), 0.0) << "so few steps tell nothing";
    time.add(100.0);
    EXPECT_EQ(time.median(), 10.5);
    for (int i = 0; i < 20; ++i) time.add(7.0);
    EXPECT_EQ(time.median(), 7.0);
    EXPECT_EQ(median_of({1, 2, 4, 8}), 3.0);
}

}  // namespace
}  // namespace vox::train
