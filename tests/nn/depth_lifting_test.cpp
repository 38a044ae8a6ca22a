#include "nn/depth_lifting.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "support/golden.hpp"

namespace vox::nn {
namespace {

constexpr int64_t kRows = 3, kColumns = 4, kDepths = 5;

at::Tensor one_hot(int64_t depth) {
    auto shares = at::zeros({1, kDepths, kRows, kColumns}, at::kDouble);
    shares.select(1, depth).fill_(1);
    return shares;
}

// Depth 0 is at the front, which is the largest index along H.
TEST(DepthLifting, AnApMapAppearsAtItsDepthAlongTheFrontToBackAxis) {
    const auto map = test::uniform({1, 1, kRows, kColumns}, 0) + 1;
    for (const int64_t depth : {0, 1, 4}) {
        const auto volume = lift(map, one_hot(depth), ops::View::ap);
        ASSERT_EQ(volume.sizes(), at::IntArrayRef({1, 1, kRows, kDepths, kColumns}));
        for (int64_t d = 0; d < kRows; ++d) {
            for (int64_t h = 0; h < kDepths; ++h) {
                for (int64_t w = 0; w < kColumns; ++w) {
                    const double expected =
                        h == kDepths - 1 - depth ? map[0][0][kRows - 1 - d][kColumns - 1 - w].item<double>() : 0.0;
                    EXPECT_EQ(volume[0][0][d][h][w].item<double>(), expected) << d << h << w;
                }
            }
        }
    }
}

// Depth 0 is at the patient's right, which is the largest index along W; column 0 is at the front.
TEST(DepthLifting, ALateralMapAppearsAtItsDepthAlongTheRightToLeftAxis) {
    const auto map = test::uniform({1, 1, kRows, kColumns}, 0) + 1;
    for (const int64_t depth : {0, 1, 4}) {
        const auto volume = lift(map, one_hot(depth), ops::View::lateral);
        ASSERT_EQ(volume.sizes(), at::IntArrayRef({1, 1, kRows, kColumns, kDepths}));
        for (int64_t d = 0; d < kRows; ++d) {
            for (int64_t h = 0; h < kColumns; ++h) {
                for (int64_t w = 0; w < kDepths; ++w) {
                    const double expected =
                        w == kDepths - 1 - depth ? map[0][0][kRows - 1 - d][kColumns - 1 - h].item<double>() : 0.0;
                    EXPECT_EQ(volume[0][0][d][h][w].item<double>(), expected) << d << h << w;
                }
            }
        }
    }
}

TEST(DepthLifting, TheSumAlongARayIsTheMapAgain) {
    const auto map = test::uniform({2, 3, kRows, kColumns}, 0);
    const auto shares = at::softmax(4 * test::uniform({2, kDepths, kRows, kColumns}, 1), 1);
    EXPECT_TRUE(lift(map, shares, ops::View::ap).sum(3).flip({2, 3}).allclose(map, 1e-12, 1e-12));
    EXPECT_TRUE(lift(map, shares, ops::View::lateral).sum(4).flip({2, 3}).allclose(map, 1e-12, 1e-12));
}

TEST(DepthLifting, ThePriorIsOneGainARange) {
    const auto prior = depth_prior(at::tensor({2.0, 0.0, -2.0}, at::kDouble), 80);
    const auto gain = at::tensor({2.0, 0.0, -2.0}, at::kDouble).sigmoid();
    // Two tenths from a border, four widths of its sigmoid, are left of it 1 / (1 + e^4) at most.
    const double rest = 1 / (1 + std::exp(4.0));
    EXPECT_NEAR(prior[3].item<double>(), gain[0].item<double>(), rest);  // anterior
    EXPECT_NEAR(prior[40].item<double>(), gain[1].item<double>(), 2 * rest);  // middle
    EXPECT_NEAR(prior[76].item<double>(), gain[2].item<double>(), rest);  // posterior
    // On both sides of a border it passes the mean of the two gains.
    EXPECT_GT(prior[19].item<double>(), (gain[0] + gain[1]).item<double>() / 2);
    EXPECT_LT(prior[20].item<double>(), (gain[0] + gain[1]).item<double>() / 2);
    EXPECT_GT(prior[59].item<double>(), (gain[1] + gain[2]).item<double>() / 2);
    EXPECT_LT(prior[60].item<double>(), (gain[1] + gain[2]).item<double>() / 2);
}

TEST(DepthLifting, TheDistributionIsSoftmaxTimesPriorThatSumsToOne) {
    const auto logits = 6 * test::uniform({2, 16, kRows, kColumns}, 0);
    const auto prior = depth_prior(at::tensor({-3.0, 1.0, 0.5}, at::kDouble), 16);
    const auto found = depth_distribution(logits, prior);
    const auto product = at::softmax(logits, 1) * prior.view({1, 16, 1, 1});
    EXPECT_TRUE(found.allclose(product / product.sum(1, /*keepdim=*/true), 1e-12, 1e-14));
    const auto equal = depth_prior(at::full({3}, 0.7, at::kDouble), 16);
    EXPECT_TRUE(depth_distribution(logits, equal).allclose(at::softmax(logits, 1), 1e-12, 1e-14));
}

TEST(DepthLifting, TheNetworkPutsAMapWhereItsHeadPoints) {
    WeightSource weights(1);
    DepthLifting lifting({.in_channels = 8, .num_views = 2, .volume_size = {4, 6, 10}, .out_channels = 2}, weights);
    const auto maps = test::uniform({2, 2, 8, 4, 4}, 0).to(at::kFloat);
    const at::NoGradGuard no_grad;
    for (const auto& item : lifting.named_parameters()) {
        if (item.key().find("head") != std::string::npos) item.value().zero_();
    }
    lifting.named_parameters()["lateral.head.bias"][3] = 100;  // no ray of ap knows its depth, all of lateral lie at 3
    const auto all = lifting.forward(maps);
    ASSERT_EQ(all.sizes(), at::IntArrayRef({2, 2, 4, 6, 10}));
    for (int64_t w = 0; w < 10; ++w) {
        // Where lateral puts nothing, ap is alone, the same at all depths along H.
        if (w == 10 - 1 - 3) continue;
        EXPECT_TRUE(all.select(4, w).allclose(all.select(4, w).mean(3, true).expand({2, 2, 4, 6}), 1e-5, 1e-6)) << w;
    }
    EXPECT_FALSE(all.select(4, 6).allclose(all.select(4, 6).mean(3, true).expand({2, 2, 4, 6}), 1e-3, 1e-3));
}

TEST(DepthLifting, EmptyBatch) {
    WeightSource weights(1);
    DepthLifting lifting({.in_channels = 8, .num_views = 2, .volume_size = {4, 6, 10}, .out_channels = 2}, weights);
    const auto lifted = lifting.forward(at::zeros({0, 2, 8, 4, 4}));
    EXPECT_EQ(lifted.sizes(), at::IntArrayRef({0, 2, 4, 6, 10}));
    lifted.sum().backward();
    for (const auto& item : lifting.named_parameters()) {
        ASSERT_TRUE(item.value().grad().defined()) << item.key();
        EXPECT_EQ(item.value().grad().abs().sum().item<double>(), 0.0) << item.key();
    }
}

}  // namespace
}  // namespace vox::nn
