#include "app/clock_offsets.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/world.hpp"

namespace vox::app {
namespace {

/// All ranks of the test share one clock, so that what is added to it is the true offset.
TEST(ClockOffsets, AreFoundWithinTheirUncertainty) {
    const auto& world = test::world();
    const auto seconds_ahead = [](int rank) { return rank % 2 == 0 ? 3.0 * rank : -7.0 * rank; };
    const auto shift = static_cast<int64_t>(seconds_ahead(world.rank()) * 1e9);
    const auto offsets = measure_clock_offsets(test::world(), [&] { return system_clock_ns() + shift; });
    ASSERT_EQ(offsets.size(), static_cast<size_t>(world.size()));
    EXPECT_EQ(offsets[0].seconds, 0);
    for (int rank = 0; rank < world.size(); ++rank) {
        const auto& offset = offsets[static_cast<size_t>(rank)];
        EXPECT_LE(std::abs(offset.seconds - seconds_ahead(rank)), offset.uncertainty_s + 1e-6) << "rank " << rank;
        EXPECT_LT(offset.uncertainty_s, 3) << "rank " << rank << ": a round trip within one machine";
        EXPECT_EQ(rank == 0, offset.uncertainty_s == 0);
    }
}

TEST(ClockOffsets, AreTheSameOnEveryRank) {
    const auto largest = largest_difference(measure_clock_offsets(test::world()));
    EXPECT_DOUBLE_EQ(test::world().max(largest.seconds), largest.seconds);
    EXPECT_DOUBLE_EQ(test::world().max(largest.uncertainty_s), largest.uncertainty_s);
}

TEST(LargestDifference, IsBetweenAnyTwoRanks) {
    const auto apart = largest_difference({{0, 0}, {-2, 0.1}, {5, 0.25}, {1, 9}});
    EXPECT_DOUBLE_EQ(apart.seconds, 7);
    EXPECT_DOUBLE_EQ(apart.uncertainty_s, 0.35);
    EXPECT_DOUBLE_EQ(largest_difference({{0, 0}}).seconds, 0);
}

}  // namespace
}  // namespace vox::app
