#include "train/precision.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace vox::train {
namespace {

TEST(Precision, NamesThatADeviceCannotDoAreRefused) {
    EXPECT_EQ(resolve_precision("auto", at::kCPU), Precision::fp32);
    EXPECT_EQ(resolve_precision("fp64", at::kCPU), Precision::fp64);
    EXPECT_THROW(resolve_precision("tf32", at::kCPU), core::ConfigError);
    EXPECT_THROW(resolve_precision("fp64", at::Device("cuda:0")), core::ConfigError);
}

TEST(Autocast, CastsConvolutionsWhileItLivesAndSeesNewWeights) {
    const auto image = at::ones({1, 1, 4, 4, 4});
    const auto weight = at::ones({1, 1, 1, 1, 1}).requires_grad_(true);
    for (const double value : {1.0, 2.0}) {
        {
            const at::NoGradGuard no_grad;
            weight.fill_(value);
        }
        const Autocast autocast(Precision::bf16, at::kCPU);
        const auto out = at::conv3d(image, weight);
        EXPECT_EQ(out.scalar_type(), at::kBFloat16);
        EXPECT_EQ(out.flatten()[0].item<double>(), value);
    }
    EXPECT_EQ(at::conv3d(image, weight).scalar_type(), at::kFloat);
    const Autocast none(Precision::fp32, at::kCPU);
    EXPECT_EQ(at::conv3d(image, weight).scalar_type(), at::kFloat);
}

TEST(LossScaler, HalvesOnOverflowDoublesAfterTwoThousandGoodStepsAndIsSaved) {
    LossScaler scaler(Precision::fp16);
    EXPECT_EQ(scaler.value(), 65536);
    EXPECT_EQ(scaler.scale(at::full({}, 2.0)).item<double>(), 131072);
    const auto gradient = at::full({3}, 65536.0);
    scaler.unscale({gradient});
    EXPECT_EQ(gradient[1].item<double>(), 1.0);
    scaler.update(true);
    EXPECT_EQ(scaler.value(), 32768);
    for (int i = 0; i < 1999; ++i) scaler.update(false);
    EXPECT_EQ(scaler.value(), 32768);
    LossScaler resumed(Precision::fp16);
    resumed.load_state(scaler.state());
    resumed.update(false);
    EXPECT_EQ(resumed.value(), 65536);
}

TEST(LossScaler, IsOneForOtherPrecisions) {
    LossScaler scaler(Precision::bf16);
    scaler.update(true);
    EXPECT_EQ(scaler.value(), 1);
    EXPECT_TRUE(scaler.state().empty());
}

}  // namespace
}  // namespace vox::train
