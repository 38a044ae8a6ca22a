#include "train/straggler.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vox::train {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Straggler, IsWhoTakesHalfAsMuchAgainAsTheOthers) {
    EXPECT_THAT(stragglers({0.1, 0.1, 0.16, 0.1}), ElementsAre(2));
    EXPECT_THAT(stragglers({0.1, 0.1, 0.14, 0.1}), IsEmpty());
    EXPECT_THAT(stragglers({0.3, 0.1}), ElementsAre(0));
    EXPECT_THAT(stragglers({0.1, 0.3, 0.3, 0.1, 0.1}), ElementsAre(1, 2));
}

TEST(Straggler, NobodyIsOneAloneBeforeTheTimesAreKnownOrByAFewMilliseconds) {
    EXPECT_THAT(stragglers({5.0}), IsEmpty());
    EXPECT_THAT(stragglers({}), IsEmpty());
    EXPECT_THAT(stragglers({0.1, 0.0}), IsEmpty());
    EXPECT_THAT(stragglers({0.001, 0.019}), IsEmpty());
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
