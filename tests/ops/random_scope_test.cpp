#include "ops/random_scope.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "core/error.hpp"

namespace vox::ops {
namespace {

const std::vector<RandomKey> two_keys = {{.seed = 1, .position = 4}, {.seed = 1, .position = 5}};
const std::vector<RandomKey> one_key = {{.seed = 2}};

TEST(RandomScope, NumbersItsLayersFromZero) {
    const RandomScope scope(two_keys);
    EXPECT_EQ(RandomScope::next_layer("a", 2).layer, 0u);
    const auto draw = RandomScope::next_layer("b", 2);
    EXPECT_EQ(draw.layer, 1u);
    EXPECT_EQ(draw.keys[1], two_keys[1]);
}

TEST(RandomScope, InnerScopeEndsAndTheOuterGoesOn) {
    const RandomScope outer(two_keys);
    RandomScope::next_layer("a", 2);
    {
        const RandomScope inner(one_key);
        EXPECT_EQ(RandomScope::next_layer("b", 1).layer, 0u);
    }
    EXPECT_EQ(RandomScope::next_layer("c", 2).layer, 1u);
}

TEST(RandomScope, CapturedStateGoesOnElsewhere) {
    RandomState state;
    {
        const RandomScope scope(two_keys);
        RandomScope::next_layer("a", 2);
        state = RandomScope::capture();
        RandomScope::next_layer("b", 2);
    }
    std::thread([&] {
        EXPECT_EQ(RandomScope::capture().keys, nullptr);
        const RandomScope scope(state);
        const auto draw = RandomScope::next_layer("b", 2);
        EXPECT_EQ(draw.layer, 1u);
        EXPECT_EQ(draw.keys[0], two_keys[0]);
    }).join();
}

TEST(RandomScope, NamesTheLayerThatRanOutside) {
    try {
        RandomScope::next_layer("Dropout", 2);
        FAIL() << "nothing was thrown";
    } catch (const core::InternalError& error) {
        EXPECT_NE(std::string(error.what()).find("Dropout"), std::string::npos);
    }
}

TEST(RandomScope, RefusesABatchOfAnotherSize) {
    const RandomScope scope(two_keys);
    EXPECT_THROW(RandomScope::next_layer("Dropout", 3), core::InternalError);
}

}  // namespace
}  // namespace vox::ops
