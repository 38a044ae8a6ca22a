// Cross-entropy of masks against LibTorch's, and its bounds.

#include "loss/binary_cross_entropy.hpp"

#include <ATen/core/Reduction.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.hpp"
#include "support/golden.hpp"

namespace vox::loss {
namespace {

at::Tensor logits() { return 40 * test::uniform({3, 1, 2, 3, 4}, 1951) - 20; }
at::Tensor target() { return test::uniform({3, 1, 2, 3, 4}, 1952).gt(0.5); }

TEST(BinaryCrossEntropy, ItsMeanOverItemsIsTorchs) {
    const auto x = logits().requires_grad_();
    const auto per_item = binary_cross_entropy_per_item(x, target());
    EXPECT_EQ(per_item.sizes(), at::IntArrayRef({3}));
    const auto reference = logits().requires_grad_();
    const auto expected =
        at::binary_cross_entropy_with_logits(reference, target().to(at::kDouble), {}, {}, at::Reduction::Mean);
    EXPECT_NEAR(per_item.mean().item<double>(), expected.item<double>(), 1e-12);
    per_item.mean().backward();
    expected.backward();
    EXPECT_LT((x.grad() - reference.grad()).abs().max().item<double>(), 1e-15);
    // And each by itself: -log sigmoid of the logit with the sign of the target.
    const auto one = at::full({1, 1, 1, 1, 1}, 1.25, at::kDouble);
    EXPECT_NEAR(binary_cross_entropy_per_item(one, one.gt(0)).item<double>(), std::log1p(std::exp(-1.25)), 1e-15);
    EXPECT_NEAR(binary_cross_entropy_per_item(one, one.lt(0)).item<double>(), std::log1p(std::exp(1.25)), 1e-15);
}

TEST(BinaryCrossEntropy, IsFiniteInHalfPrecisionAndForNoItem) {
    const auto half = binary_cross_entropy_per_item(logits().mul(1000).to(at::kHalf), target());
    EXPECT_EQ(half.scalar_type(), at::kFloat);
    EXPECT_TRUE(half.isfinite().all().item<bool>());
    EXPECT_EQ(binary_cross_entropy_per_item(at::empty({0, 1, 2, 2, 2}), at::empty({0, 1, 2, 2, 2})).numel(), 0);
    EXPECT_THROW(binary_cross_entropy_per_item(logits(), at::zeros({3, 1, 2, 3, 5})), core::InternalError);
}

}  // namespace
}  // namespace vox::loss
