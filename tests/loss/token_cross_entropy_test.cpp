// Cross-entropy of tokens against torch.nn.functional.cross_entropy (tools/golden/token_cross_entropy.py).

#include "loss/token_cross_entropy.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "core/error.hpp"
#include "support/golden.hpp"

namespace vox::loss {
namespace {

at::Tensor labels_of(int64_t ignored) {
    auto labels = (6 * test::uniform({3, 5}, 1881)).floor().to(at::kLong);
    labels[2].fill_(ignored);
    labels[1].slice(0, 3).fill_(ignored);
    return labels;
}

at::Tensor logits_of(at::ScalarType dtype) { return (8 * test::uniform({3, 5, 6}, 1880) - 4).to(dtype); }

TEST(TokenCrossEntropy, SumsCountsAndGradientsEqualTorch) {
    test::GoldenArrays arrays("token_cross_entropy");
    const auto golden = test::golden_json("token_cross_entropy");
    for (const std::string name : {"padding", "minus_one"}) {  // in the order of the script
        const auto& expected = golden.at(name);
        const int64_t ignored = expected.at("ignored");
        const auto gradient = arrays.next({3, 5, 6});
        for (const auto dtype : {at::kDouble, at::kFloat}) {
            const double bound = dtype == at::kDouble ? 1e-7 : 1e-5;
            const auto logits = logits_of(dtype).requires_grad_();
            const auto loss = token_cross_entropy_per_item(logits, labels_of(ignored), ignored);
            EXPECT_EQ(loss.sum.scalar_type(), dtype);
            for (int64_t b = 0; b < 3; ++b) {
                EXPECT_NEAR(loss.sum[b].item<double>(), expected.at("sum").at(b).get<double>(), bound * 10);
                EXPECT_EQ(loss.count[b].item<double>(), expected.at("count").at(b).get<double>());
            }
            loss.sum.sum().backward();
            EXPECT_LE(test::relative_difference(logits.grad(), gradient), bound);
        }
    }
    EXPECT_TRUE(arrays.at_end());
}

TEST(TokenCrossEntropy, HalfPrecisionIsComputedInFloat32) {
    const auto half = logits_of(at::kBFloat16);
    const auto loss = token_cross_entropy_per_item(half, labels_of(0), 0);
    EXPECT_EQ(loss.sum.scalar_type(), at::kFloat);
    EXPECT_TRUE(loss.sum.equal(token_cross_entropy_per_item(half.to(at::kFloat), labels_of(0), 0).sum));
}

TEST(TokenCrossEntropy, WhatIsIgnoredHasNoSay) {
    auto logits = logits_of(at::kDouble);
    const auto before = token_cross_entropy_per_item(logits, labels_of(0), 0).sum;
    logits[1][4].fill_(-std::numeric_limits<double>::infinity());
    logits.requires_grad_();
    const auto loss = token_cross_entropy_per_item(logits, labels_of(0), 0);
    EXPECT_TRUE(loss.sum.equal(before));
}

TEST(TokenCrossEntropy, TakesEmptyBatchesAndRefusesOtherShapes) {
    const auto labels = at::zeros({0, 5}, at::kLong);
    const auto logits = at::empty({0, 5, 6}).requires_grad_();
    const auto loss = token_cross_entropy_per_item(logits, labels, 0);
    EXPECT_EQ(loss.sum.sizes(), (std::vector<int64_t>{0}));
    loss.sum.sum().backward();
    EXPECT_EQ(
        token_cross_entropy_per_item(at::empty({2, 0, 6}), at::zeros({2, 0}, at::kLong), 0).count.sum().item<double>(),
        0);
    EXPECT_THROW(token_cross_entropy_per_item(at::zeros({2, 5, 6}), at::zeros({2, 4}, at::kLong), 0),
                 core::InternalError);
    EXPECT_THROW(token_cross_entropy_per_item(at::zeros({2, 5, 6}), at::zeros({2, 5}, at::kInt), 0),
                 core::InternalError);
    EXPECT_ANY_THROW(token_cross_entropy_per_item(at::zeros({1, 1, 6}), at::zeros({1, 1}, at::kLong) + 6, 0));
}

}  // namespace
}  // namespace vox::loss
