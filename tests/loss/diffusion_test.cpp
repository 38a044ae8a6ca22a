#include "loss/diffusion.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "support/golden.hpp"

namespace vox::loss {
namespace {

using testing::ElementsAre;

constexpr std::array<int64_t, 11> kList{0, 99, 199, 299, 399, 499, 599, 699, 799, 899, 999};

std::vector<ops::RandomKey> keys_of(uint32_t first, uint32_t count, uint32_t draw = 0) {
    std::vector<ops::RandomKey> keys;
    for (uint32_t i = 0; i < count; ++i) keys.push_back({.seed = 7, .epoch = 2, .position = first + i, .draw = draw});
    return keys;
}

std::vector<int64_t> values(const at::Tensor& t) {
    return {t.const_data_ptr<int64_t>(), t.const_data_ptr<int64_t>() + t.numel()};
}

TEST(Timesteps, NeighboursGetOppositeOnesWhereverBatchesAreCut) {
    const auto all = values(draw_timesteps(keys_of(0, 600), kList, true));
    for (size_t i = 0; i < all.size(); i += 2) {
        const auto place = std::ranges::find(kList, all[i]) - kList.begin();
        EXPECT_EQ(all[i + 1], kList[static_cast<size_t>(10 - place)]) << i;
    }
    for (const uint32_t cut : {1U, 2U, 7U}) {
        auto parts = values(draw_timesteps(keys_of(0, cut), kList, true));
        const auto rest = values(draw_timesteps(keys_of(cut, 600 - cut), kList, true));
        parts.insert(parts.end(), rest.begin(), rest.end());
        EXPECT_EQ(parts, all) << cut;
    }
    EXPECT_NE(values(draw_timesteps(keys_of(0, 600, 1), kList, true)), all);  // another crop of the same case
}

TEST(Timesteps, EachIsAsLikelyAsAnother) {
    for (const bool antithetic : {false, true}) {
        std::map<int64_t, double> counts;
        constexpr uint32_t kDraws = 22000;
        for (const int64_t t : values(draw_timesteps(keys_of(0, kDraws), kList, antithetic))) ++counts[t];
        double chi_square = 0;
        for (const int64_t t : kList) chi_square += std::pow(counts[t] - kDraws / 11.0, 2) / (kDraws / 11.0);
        // 10 degrees of freedom: 29.6 is exceeded once in a thousand; pairs that are opposite double the variance.
        EXPECT_LT(chi_square, antithetic ? 2 * 29.6 : 29.6);
        EXPECT_EQ(counts.size(), kList.size());
    }
}

TEST(Timesteps, WithoutAntitheticNeighboursAreIndependent) {
    const auto all = values(draw_timesteps(keys_of(0, 2200), kList, false));
    int opposite = 0;
    for (size_t i = 0; i < all.size(); i += 2) opposite += all[i] + all[i + 1] == 999;
    EXPECT_LT(opposite, 200);  // of 1100, an eleventh by chance
}

TEST(Noise, BelongsToTheItem) {
    const auto like = at::zeros({4, 1, 3, 4, 5}, at::kDouble);
    const auto all = draw_noise(keys_of(10, 4), like);
    EXPECT_EQ(all.scalar_type(), at::kDouble);
    EXPECT_TRUE(all.narrow(0, 1, 2).equal(draw_noise(keys_of(11, 2), like.narrow(0, 0, 2))));
    EXPECT_FALSE(all[0].equal(all[1]));
    EXPECT_EQ(draw_noise({}, like.narrow(0, 0, 0)).size(0), 0);
    const auto many = draw_noise(keys_of(0, 8), at::zeros({8, 1, 20, 20, 20}, at::kDouble));
    EXPECT_NEAR(many.mean().item<double>(), 0, 0.02);
    EXPECT_NEAR(many.std().item<double>(), 1, 0.02);
}

TEST(ConditionDropout, TakesItsShare) {
    EXPECT_THAT(draw_condition_dropout(keys_of(0, 3), 0), ElementsAre(false, false, false));
    const auto dropped = draw_condition_dropout(keys_of(0, 5000), 0.2);
    EXPECT_NEAR(static_cast<double>(std::ranges::count(dropped, true)) / 5000, 0.2, 0.02);
}

TEST(SquaredError, IsThatOfTorchItemByItemAndWideInside) {
    const auto a = test::uniform({3, 1, 4, 5, 6}, 960).to(at::kFloat),
               b = test::uniform({3, 1, 4, 5, 6}, 961).to(at::kFloat);
    const auto errors = squared_error_per_item(a, b);
    ASSERT_EQ(errors.sizes().vec(), std::vector<int64_t>{3});
    for (int64_t i = 0; i < 3; ++i)
        EXPECT_NEAR(errors[i].item<double>(), at::mse_loss(a[i].to(at::kDouble), b[i].to(at::kDouble)).item<double>(),
                    1e-7);
    EXPECT_EQ(squared_error_per_item(a.to(at::kBFloat16), b).scalar_type(), at::kFloat);
    EXPECT_EQ(squared_error_per_item(a.narrow(0, 0, 0), b.narrow(0, 0, 0)).sum().item<float>(), 0.0F);
    EXPECT_ANY_THROW(squared_error_per_item(a, b.narrow(0, 0, 2)));
}

}  // namespace
}  // namespace vox::loss
