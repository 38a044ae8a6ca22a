// Known answers of philox4x32-10, as published with Random123 (kat_vectors).
#include "ops/philox.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "ops/random_key.hpp"

namespace vox::ops {
namespace {

using testing::ElementsAre;

TEST(Philox, GivesThePublishedAnswers) {
    EXPECT_THAT(philox({{0, 0, 0, 0}}, 0, 0).v, ElementsAre(0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u));
    EXPECT_THAT(philox({{~0u, ~0u, ~0u, ~0u}}, ~0u, ~0u).v,
                ElementsAre(0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu));
    EXPECT_THAT(philox({{0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}}, 0xa4093822u, 0x299f31d0u).v,
                ElementsAre(0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u));
}

TEST(UnitInterval, StaysBelowOneAndIsExactInFloat) {
    EXPECT_EQ(unit_interval(0), 0.0);
    EXPECT_LT(unit_interval(~0u), 1.0);
    EXPECT_LT(static_cast<float>(unit_interval(~0u)), 1.0f);
    for (const uint32_t bits : {1u << 8, 0x12345678u, ~0u}) {
        EXPECT_EQ(static_cast<double>(static_cast<float>(unit_interval(bits))), unit_interval(bits));
    }
}

TEST(RandomBelow, ReachesEveryValueEquallyOften) {
    std::array<int, 7> counts{};
    for (uint32_t i = 0; i < 70000; ++i) ++counts[random_below({.seed = 3}, Purpose::test_values, 0, i, 7)];
    // 10000 expected of each, standard deviation 93: five of them.
    for (const int count : counts) EXPECT_NEAR(count, 10000, 465);
}

TEST(RandomWords, DifferInEveryPartOfTheKey) {
    const RandomKey base{.seed = 5, .epoch = 1, .position = 2, .draw = 3};
    const auto first = [](const RandomKey& key, Purpose purpose = Purpose::crop, uint32_t layer = 0) {
        return random_words(key, purpose, layer, 0).v[0];
    };
    const uint32_t value = first(base);
    RandomKey other = base;
    other.seed += uint64_t{1} << 32;
    EXPECT_NE(first(other), value);
    other = base;
    other.epoch = 2;
    EXPECT_NE(first(other), value);
    other = base;
    other.position = 1;
    EXPECT_NE(first(other), value);
    other = base;
    other.draw = 0;
    EXPECT_NE(first(other), value);
    EXPECT_NE(first(base, Purpose::flip), value);
    EXPECT_NE(first(base, Purpose::crop, 1), value);
}

}  // namespace
}  // namespace vox::ops
