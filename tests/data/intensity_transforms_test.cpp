#include "data/intensity_transforms.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/intensity_fixtures.hpp"
#include "support/golden.hpp"

namespace vox::data {
namespace {

using nlohmann::json;

core::Double3 triple(const json& values) { return values.get<core::Double3>(); }

BiasField bias_field_of(const json& one) {
    const auto range = one.at("range").get<std::vector<double>>();
    const auto terms = one.at("terms").get<int64_t>();
    const at::Tensor values = test::uniform({terms}, one.at("stream").get<uint32_t>() + 1);
    BiasField draw{one.at("degree").get<int64_t>(), {}};
    for (int64_t i = 0; i < terms; ++i) {
        draw.coefficients.push_back(range[0] + (range[1] - range[0]) * values[i].item<double>());
    }
    return draw;
}

at::Tensor transformed(const at::Tensor& image, const json& one) {
    const auto name = one.at("transform").get<std::string>();
    if (name == "bias_field") return bias_field(image, bias_field_of(one));
    if (name == "smooth") return gaussian_smooth(image, triple(one.at("sigma")));
    if (name == "gibbs") return gibbs_noise(image, {one.at("alpha").get<double>()});
    if (name == "sharpen") {
        return sharpen(image, {triple(one.at("sigma1")), triple(one.at("sigma2")), one.at("alpha").get<double>()});
    }
    if (name == "contrast") return contrast(image, {one.at("gamma").get<double>()});
    core::check(name == "noise", "a golden case of an unknown transform");
    const at::Tensor normal = test::uniform(image.sizes(), one.at("stream").get<uint32_t>() + 1).mul(6).sub(3);
    return gaussian_noise(image, {one.at("mean").get<double>(), one.at("std").get<double>()},
                          normal.to(image.scalar_type()));
}

at::Tensor golden_image(const json& one) {
    const auto shape = one.at("shape").get<std::vector<int64_t>>();
    return test::uniform(shape, one.at("stream").get<uint32_t>()).mul(4).sub(1.5).to(at::kFloat);
}

/// Both programs round each of some ten operations on values of up to `largest` to float32, 6e-8 of it: 1e-6 of it is fifteen
/// roundings.  Sharpening multiplies the roundings of what it smooths, values of about 1, by alpha.  MONAI also rounds the places of
/// the bias field to float32 before it raises them to up to the tenth power.
double tolerance(const json& one, const at::Tensor& expected) {
    const double amplified = one.at("transform") == "sharpen" ? one.at("alpha").get<double>() : 1;
    return 1e-6 * std::max(amplified, expected.abs().max().item<double>());
}

TEST(IntensityTransforms, EqualMonais) {
    const json golden = test::golden_json("intensity_transforms");
    test::GoldenArrays arrays("intensity_transforms");
    std::map<std::string, double> worst;
    for (const json& one : golden.at("cases")) {
        const at::Tensor image = golden_image(one), before = image.clone();
        const at::Tensor expected = arrays.next(image.sizes());
        for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
            const at::Tensor result = transformed(image.to(type), one);
            EXPECT_EQ(result.scalar_type(), type);
            EXPECT_EQ(result.sizes(), image.sizes());
            const double difference = test::largest_difference(result, expected);
            EXPECT_LE(difference, tolerance(one, expected)) << one;
            double& most = worst[one.at("transform").get<std::string>()];
            most = std::max(most, difference);
        }
        EXPECT_TRUE(at::equal(image, before)) << one;  // the input is not written to
    }
    EXPECT_TRUE(arrays.at_end());
    for (const auto& [name, difference] : worst) RecordProperty(name, core::concat(difference));
}

TEST(IntensityTransforms, DefaultRangesAreMonaisOfTheRecipe) {
    const json ranges = test::golden_json("intensity_transforms").at("ranges");
    const IntensityOptions options;
    EXPECT_EQ(json(options.gaussian_smooth_sigma), ranges.at("gaussian_smooth_sigma"));
    EXPECT_EQ(json(options.sharpen_sigma1), ranges.at("sharpen_sigma1"));
    EXPECT_EQ(json(options.sharpen_sigma2), ranges.at("sharpen_sigma2"));
    EXPECT_EQ(json(options.sharpen_alpha), ranges.at("sharpen_alpha"));
    EXPECT_EQ(json(options.contrast_gamma), ranges.at("contrast_gamma"));
    EXPECT_EQ(bias_field_terms(options.bias_field_degree), ranges.at("bias_field_terms_of_degree_10"));
    EXPECT_NEAR(options.gaussian_noise_mean + options.gaussian_noise_std,
                ranges.at("gaussian_noise_mean_plus_largest_std").get<double>(), 1e-7);
}

TEST(IntensityTransforms, AConstantItemBearsAllAndContrastLeavesIt) {
    const at::Tensor flat = at::empty({2, 4, 5, 6}, at::kFloat).fill_(3);
    EXPECT_TRUE(at::equal(contrast(flat, {0.5}), flat));
    EXPECT_TRUE(sharpen(flat, {{0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}, 10}).isfinite().all().item<bool>());
}

TEST(IntensityTransforms, ABiasFieldOfTheWrongLengthIsABug) {
    const at::Tensor item = at::empty({1, 2, 2, 2}, at::kFloat).fill_(1);
    EXPECT_THROW(bias_field(item, {2, std::vector<double>(9, 0.1)}), core::InternalError);
}

}  // namespace
}  // namespace vox::data
