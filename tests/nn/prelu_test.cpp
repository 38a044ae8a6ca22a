#include "nn/prelu.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/where.h>
#include <gtest/gtest.h>

namespace vox::nn {
namespace {

TEST(PReLU, HasPyTorchsParameter) {
    const PReLU activation;
    const auto parameters = activation.named_parameters();
    ASSERT_EQ(parameters.size(), 1U);
    EXPECT_EQ(parameters["weight"].sizes().vec(), std::vector<int64_t>{1});
    EXPECT_EQ(parameters["weight"].item<double>(), 0.25);
}

TEST(PReLU, EqualsItsFormulaAndItsGradients) {
    PReLU activation;
    activation.to(at::kDouble);
    const auto x = at::linspace(-3, 2, 30, at::kDouble).view({1, 2, 1, 3, 5}).requires_grad_();
    const auto y = activation.forward(x);
    EXPECT_TRUE(y.equal(at::where(x.gt(0), x, 0.25 * x)));
    y.square().sum().backward();
    const auto negative = at::where(x.gt(0), x * 0, x).detach();
    EXPECT_TRUE(x.grad().allclose(at::where(x.gt(0), 2 * x, 2 * 0.0625 * x), 1e-14));
    EXPECT_NEAR(activation.parameters()[0].grad().item<double>(), (2 * 0.25 * negative.square()).sum().item<double>(),
                1e-12);
}

TEST(PReLU, TakesHalfPrecisionUnderAutocastAndKeepsItsSlopeInFull) {
    PReLU activation;
    at::autocast::set_autocast_enabled(at::kCPU, true);
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    const auto x = at::linspace(-3, 2, 30, at::kFloat).view({2, 3, 5});
    const auto y = activation.forward(x.to(at::kBFloat16));
    activation.forward(x);  // float32 out of a layer that autocast leaves alone
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCPU, false);
    EXPECT_EQ(y.scalar_type(), at::kBFloat16);
    y.sum().backward();
    const auto slope = activation.parameters()[0];
    EXPECT_EQ(slope.grad().scalar_type(), at::kFloat);
    EXPECT_NEAR(slope.grad().item<double>(), x.clamp_max(0).sum().item<double>(), 0.02 * 30);
}

}  // namespace
}  // namespace vox::nn
