// Tests that go wrong on purpose: failure_test starts them to see what their main makes of it.

#include <gtest/gtest.h>

#include <stdexcept>

#include "support/world.hpp"

namespace {

using vox::test::world;

bool is_last() { return world().rank() == world().size() - 1; }

TEST(OnPurpose, Passes) { EXPECT_TRUE(world().all_ok(true)); }

TEST(OnPurpose, FailsOnTheLastRank) { EXPECT_FALSE(is_last()); }

TEST(OnPurpose, ThrowsOnTheLastRank) {
    if (is_last()) throw std::runtime_error("disk full");
    world().barrier();
}

TEST(OnPurpose, SkipsEverywhere) { GTEST_SKIP() << "on purpose"; }

TEST(OnPurpose, SkipsOnTheLastRank) {
    if (is_last()) GTEST_SKIP() << "on purpose";
}

}  // namespace
