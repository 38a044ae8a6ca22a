// The Dice metric against MONAI's (tools/golden/dice.py) and against counting.

#include "metrics/dice.hpp"

#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "support/golden.hpp"

namespace vox::metrics {
namespace {

TEST(DiceMetric, EqualsMonaiUnderBothRules) {
    const auto golden = test::golden_json("dice");
    const std::vector<int64_t> shape{2, 3, 4, 5, 6};
    auto truth = test::uniform(shape, 911).lt(0.3), predicted = test::uniform(shape, 912).lt(0.4);
    truth[1][2].fill_(false);
    truth[0][0].fill_(false);
    predicted[1][1].fill_(false);
    predicted[0][0].fill_(false);
    for (const std::string name : {"both_empty_is_one", "skip"}) {
        for (int64_t item = 0; item < 2; ++item) {
            const auto figures = dice_per_channel(predicted[item], truth[item], empty_rule(name));
            ASSERT_EQ(figures.size(), 3u);
            for (size_t k = 0; k < 3; ++k) {
                const auto& expected = golden.at("metric_" + name).at(static_cast<size_t>(item)).at(k);
                if (expected.is_null()) {
                    EXPECT_TRUE(std::isnan(figures[k])) << name << " " << item << " " << k;
                } else {
                    EXPECT_NEAR(figures[k], expected.get<double>(), 1e-6) << name << " " << item << " " << k;
                }
            }
        }
    }
}

TEST(DiceMetric, CountsOverlapOfBoxes) {
    auto a = at::zeros({8, 8, 8}, at::kByte), b = at::zeros({8, 8, 8}, at::kByte);
    a.narrow(0, 0, 4).fill_(1);                // 256 voxels
    b.narrow(0, 3, 2).narrow(1, 0, 4).fill_(4);  // 64 voxels, 32 of them in a
    EXPECT_DOUBLE_EQ(dice(a, b, EmptyRule::skip), 2.0 * 32 / (256 + 64));
    EXPECT_DOUBLE_EQ(dice(a, a, EmptyRule::skip), 1.0);
    EXPECT_DOUBLE_EQ(dice(a, 1 - a, EmptyRule::skip), 0.0);
}

// float32 counts end at 2^24: 300^3 ones minus one voxel.
TEST(DiceMetric, CountsAreExactBeyondFloat) {
    const auto all = at::ones({300, 300, 300}, at::kBool);
    auto but_one = all.clone();
    but_one[0][0][0].fill_(false);
    EXPECT_EQ(dice(but_one, all, EmptyRule::skip), 2.0 * 26999999 / 53999999);
}

TEST(DiceMetric, RulesHaveNames) {
    EXPECT_EQ(empty_rule("skip"), EmptyRule::skip);
    EXPECT_NE(describe(EmptyRule::skip), describe(EmptyRule::both_empty_is_one));
    EXPECT_THROW(empty_rule("one"), core::ConfigError);
}

}  // namespace
}  // namespace vox::metrics
