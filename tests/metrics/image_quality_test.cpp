// Against scikit-image and MONAI (tools/golden/image_quality.py), and where the answer is known.

#include "metrics/image_quality.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/golden.hpp"

namespace vox::metrics {
namespace {

TEST(ImageQuality, EqualsScikitImageAndMonai) {
    const auto golden = test::golden_json("image_quality");
    const auto shape = golden.at("shape").get<std::vector<int64_t>>();
    const double range = golden.at("data_range").get<double>();
    const at::Tensor truth = test::uniform(shape, 1300), generated = truth + 0.2 * (test::uniform(shape, 1301) - 0.5);
    const auto compare = [&](const char* name, const at::Tensor& mask) {
        const auto quality = image_quality(generated, truth, range, mask);
        const auto& expected = golden.at(name);
        EXPECT_NEAR(quality.mae, expected.at("mae").get<double>(), 1e-14) << name;
        EXPECT_NEAR(quality.mse, expected.at("mse").get<double>(), 1e-14) << name;
        EXPECT_NEAR(quality.psnr, expected.at("psnr").get<double>(), 1e-10) << name;
        EXPECT_NEAR(quality.ssim, expected.at("ssim").get<double>(), 1e-10) << name;
        return quality;
    };
    const auto whole = compare("whole", {});
    EXPECT_NEAR(whole.ssim, golden.at("whole").at("ssim_monai").get<double>(), 1e-6);
    compare("mask", test::uniform(shape, 1302).lt(0.3));
    // float32 volumes are compared in float64, and the data range scales nothing but PSNR and SSIM's constants.
    const auto narrow = image_quality(255 * generated.to(at::kFloat), 255 * truth.to(at::kFloat), 255, {});
    EXPECT_NEAR(narrow.psnr, whole.psnr, 1e-4);
    EXPECT_NEAR(narrow.ssim, whole.ssim, 1e-5);
}

TEST(ImageQuality, HasItsKnownValues) {
    const at::Tensor truth = test::uniform({12, 12, 12}, 1303);
    const auto same = image_quality(truth, truth, 1, {});
    EXPECT_EQ(same.mae, 0);
    EXPECT_TRUE(std::isinf(same.psnr) && same.psnr > 0);
    EXPECT_NEAR(same.ssim, 1, 1e-12);
    const auto shifted = image_quality(truth + 0.1, truth, 1, {});
    EXPECT_NEAR(shifted.mae, 0.1, 1e-12);
    EXPECT_NEAR(shifted.psnr, 20, 1e-9);
    EXPECT_NEAR(image_quality(truth + 0.1, truth, 2, {}).psnr, 20 + 20 * std::log10(2), 1e-9);
}

TEST(ImageQuality, WhatHasNoVoxelHasNoFigure) {
    const at::Tensor small = test::uniform({10, 12, 12}, 1304);
    const auto quality = image_quality(small + 0.1, small, 1, {});
    EXPECT_NEAR(quality.psnr, 20, 1e-9);
    EXPECT_TRUE(std::isnan(quality.ssim)) << "no window of 11 voxels fits";
    const auto none = image_quality(small + 0.1, small, 1, at::zeros_like(small, at::kBool));
    EXPECT_TRUE(std::isnan(none.mae) && std::isnan(none.mse) && std::isnan(none.psnr) && std::isnan(none.ssim));
    EXPECT_ANY_THROW(image_quality(small, small.narrow(0, 0, 9), 1, {}));
}

}  // namespace
}  // namespace vox::metrics
