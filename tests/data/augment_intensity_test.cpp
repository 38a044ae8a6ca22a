#include "data/augment_intensity.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/intensity_transforms.hpp"
#include "ops/random_tensor.hpp"
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

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
    return a.to(at::kDouble).sub(b.to(at::kDouble)).abs().max().item<double>();
}

/// Both programs round each of some ten operations on values of up to `largest` to float32, 6e-8 of it: 1e-6 of it is fifteen
/// roundings.  Sharpening multiplies the roundings of what it smooths, values of about 1, by alpha.  MONAI also rounds the places of
/// the bias field to float32 before it raises them to up to the tenth power.
double tolerance(const json& one, const at::Tensor& expected) {
    const double amplified = one.at("transform") == "sharpen" ? one.at("alpha").get<double>() : 1;
    return 1e-6 * std::max(amplified, expected.abs().max().item<double>());
}

TEST(IntensityTransforms, EqualMonais) {
    const json golden = test::golden_json("augment_intensity");
    test::GoldenArrays arrays("augment_intensity");
    std::map<std::string, double> worst;
    for (const json& one : golden.at("cases")) {
        const at::Tensor image = golden_image(one), before = image.clone();
        const at::Tensor expected = arrays.next(image.sizes());
        for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
            const at::Tensor result = transformed(image.to(type), one);
            EXPECT_EQ(result.scalar_type(), type);
            EXPECT_EQ(result.sizes(), image.sizes());
            const double difference = largest_difference(result, expected);
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
    const json ranges = test::golden_json("augment_intensity").at("ranges");
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

// ---- Draws

IntensityOptions all_on(double probability = 1) {
    IntensityOptions options;
    options.bias_field_probability = options.gaussian_smooth_probability = options.gibbs_noise_probability =
        probability;
    options.gaussian_noise_probability = options.sharpen_probability = options.contrast_probability = probability;
    return options;
}

/// Uniform in [low, high): all inside, both ends nearly reached, the mean within five of its standard deviations.
void expect_uniform(const std::vector<double>& values, double low, double high, const char* what) {
    const double width = high - low, n = static_cast<double>(values.size());
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    EXPECT_GE(*least, low) << what;
    EXPECT_LT(*most, high) << what;
    EXPECT_LT(*least, low + 0.01 * width) << what;
    EXPECT_GT(*most, high - 0.01 * width) << what;
    EXPECT_NEAR(std::accumulate(values.begin(), values.end(), 0.0) / n, (low + high) / 2, 5 * width / std::sqrt(12 * n))
        << what;
}

TEST(IntensityDraws, HaveTheirRanges) {
    IntensityOptions options = all_on();
    options.bias_field_degree = 2;
    options.bias_field_coefficients = {-0.2, 0.1};
    options.gaussian_smooth_sigma = {0.5, 2};
    options.gibbs_noise_alpha = {0.1, 0.4};
    options.gaussian_noise_mean = -0.3;
    options.gaussian_noise_std = 0.5;
    options.sharpen_sigma1 = {0.6, 0.9};
    options.sharpen_sigma2 = 0.2;
    options.sharpen_alpha = {5, 8};
    options.contrast_gamma = {0.75, 1.5};
    std::map<std::string, std::vector<double>> drawn;
    for (uint32_t position = 0; position < 2000; ++position) {
        const ops::RandomKey key{5, 0, position, 0};
        const auto bias = draw_bias_field(options, key).value();
        EXPECT_EQ(bias.degree, 2);
        EXPECT_EQ(bias.coefficients.size(), 10u);
        drawn["first coefficient"].push_back(bias.coefficients.front());
        drawn["last coefficient"].push_back(bias.coefficients.back());
        const auto smooth = draw_gaussian_smooth(options, key).value();
        const auto sharper = draw_sharpen(options, key).value();
        for (size_t axis = 0; axis < 3; ++axis) {
            drawn["smooth sigma " + std::to_string(axis)].push_back(smooth.sigma[axis]);
            drawn["sharpen sigma1 " + std::to_string(axis)].push_back(sharper.sigma1[axis]);
            drawn["share of sigma2 " + std::to_string(axis)].push_back((sharper.sigma2[axis] - 0.2) /
                                                                       (sharper.sigma1[axis] - 0.2));
        }
        drawn["sharpen alpha"].push_back(sharper.alpha);
        drawn["Gibbs alpha"].push_back(draw_gibbs_noise(options, key).value().alpha);
        const auto noise = draw_gaussian_noise(options, key).value();
        EXPECT_EQ(noise.mean, -0.3);
        drawn["noise"].push_back(noise.standard_deviation);
        drawn["gamma"].push_back(draw_contrast(options, key).value().gamma);
    }
    const std::map<std::string, std::array<double, 2>> ranges{{"first coefficient", {-0.2, 0.1}},
                                                              {"last coefficient", {-0.2, 0.1}},
                                                              {"sharpen alpha", {5, 8}},
                                                              {"Gibbs alpha", {0.1, 0.4}},
                                                              {"noise", {0, 0.5}},
                                                              {"gamma", {0.75, 1.5}},
                                                              {"smooth sigma 0", {0.5, 2}},
                                                              {"smooth sigma 1", {0.5, 2}},
                                                              {"smooth sigma 2", {0.5, 2}},
                                                              {"sharpen sigma1 0", {0.6, 0.9}},
                                                              {"sharpen sigma1 1", {0.6, 0.9}},
                                                              {"sharpen sigma1 2", {0.6, 0.9}},
                                                              {"share of sigma2 0", {0, 1}},
                                                              {"share of sigma2 1", {0, 1}},
                                                              {"share of sigma2 2", {0, 1}}};
    ASSERT_EQ(drawn.size(), ranges.size());
    for (const auto& [name, range] : ranges) expect_uniform(drawn.at(name), range[0], range[1], name.c_str());
    // The axes of an item, and what follows one another, are different numbers.
    for (const auto& [name, values] : drawn) {
        for (const auto& [other, other_values] : drawn) {
            EXPECT_EQ(values == other_values, name == other) << name << ", " << other;
        }
    }
}

TEST(IntensityDraws, HappenAsOftenAsTheyShallAndIndependently) {
    const IntensityOptions options = all_on(0.25);
    constexpr int n = 4000;
    std::array<int, 6> count{};
    std::array<std::array<int, 6>, 6> both{};
    for (uint32_t position = 0; position < n; ++position) {
        const ops::RandomKey key{6, 1, position, 0};
        const std::array<bool, 6> on{
            draw_bias_field(options, key).has_value(),  draw_gaussian_smooth(options, key).has_value(),
            draw_gibbs_noise(options, key).has_value(), draw_gaussian_noise(options, key).has_value(),
            draw_sharpen(options, key).has_value(),     draw_contrast(options, key).has_value()};
        for (size_t i = 0; i < 6; ++i) {
            count[i] += on[i];
            for (size_t j = 0; j < i; ++j) both[i][j] += on[i] && on[j];
        }
    }
    for (size_t i = 0; i < 6; ++i) {
        EXPECT_NEAR(count[i], n / 4, 5 * std::sqrt(n * 0.25 * 0.75)) << i;  // binomial
        for (size_t j = 0; j < i; ++j) EXPECT_NEAR(both[i][j], n / 16, 5 * std::sqrt(n / 16.0 * 15 / 16)) << i << j;
    }
}

// ---- Batches

const std::vector<int64_t> item_shape{2, 8, 9, 10};

/// Items of the order's `positions`, each with an image of its own.
Batch batch_of(const std::vector<uint32_t>& positions, at::ScalarType type = at::kFloat) {
    Batch batch;
    std::vector<at::Tensor> images;
    for (const uint32_t position : positions) {
        images.push_back(test::uniform(item_shape, 1100 + position).mul(3).sub(1));
        batch.keys.push_back({9, 2, position, 0});
    }
    batch.image = at::stack(images).to(type);
    return batch;
}

Batch augmented(Batch batch, const IntensityOptions& options, const Augmentation& augmentation = {}) {
    augment_intensity_before(batch, options);
    augment_intensity_after(batch, options, augmentation);
    return batch;
}

TEST(AugmentIntensity, AnItemIsTheSameInAnyBatchOrderAndPrecision) {
    const Augmentation augmentation{0, {}, 0.1, 0.1};
    for (const double probability : {1.0, 0.5}) {
        const IntensityOptions options = all_on(probability);
        const Batch joined = augmented(batch_of({0, 1, 2, 3}), options, augmentation);
        const Batch turned = augmented(batch_of({3, 1}), options, augmentation);
        EXPECT_TRUE(at::equal(turned.image[0], joined.image[3]));
        EXPECT_TRUE(at::equal(turned.image[1], joined.image[1]));
        for (const uint32_t position : {0u, 1u, 2u, 3u}) {
            const Batch single = augmented(batch_of({position}), options, augmentation);
            EXPECT_TRUE(at::equal(single.image[0], joined.image[position])) << position;
        }
        const Batch precise = augmented(batch_of({0, 1, 2, 3}, at::kDouble), options, augmentation);
        EXPECT_EQ(precise.image.scalar_type(), at::kDouble);
        // Sharpening multiplies what rounding left by up to 30.
        EXPECT_LE(largest_difference(joined.image, precise.image), 1e-4);
        EXPECT_GT(largest_difference(joined.image, precise.image), 0);
        EXPECT_GT(largest_difference(joined.image, batch_of({0, 1, 2, 3}).image), 0.1);
    }
}

TEST(AugmentIntensity, ItemsThatDrawNothingKeepEveryBit) {
    const IntensityOptions options = all_on(0.2);
    std::vector<uint32_t> positions(16);
    std::iota(positions.begin(), positions.end(), 0U);
    const Batch before = batch_of(positions), after = augmented(batch_of(positions), options);
    int kept = 0;
    for (size_t item = 0; item < positions.size(); ++item) {
        const auto& key = before.keys[item];
        const bool on = draw_bias_field(options, key) || draw_gaussian_smooth(options, key) ||
                        draw_gibbs_noise(options, key) || draw_gaussian_noise(options, key) ||
                        draw_sharpen(options, key) || draw_contrast(options, key);
        const auto index = static_cast<int64_t>(item);
        EXPECT_EQ(at::equal(after.image[index], before.image[index]), !on) << item;
        kept += !on;
    }
    EXPECT_GT(kept, 0);
    EXPECT_LT(kept, 16);
}

TEST(AugmentIntensity, EachChanceTurnsOnItsTransformAlone) {
    using Chance = double IntensityOptions::*;
    const Batch before = batch_of({4});
    const at::Tensor item = before.image[0];
    const ops::RandomKey key = before.keys[0];
    const IntensityOptions all = all_on();
    const at::Tensor normal =
        ops::random_normal_tensor({&key, 1}, ops::Purpose::gaussian_noise, 1, {1, 2, 8, 9, 10}, item.options())
            .squeeze(0);
    const std::vector<std::pair<Chance, at::Tensor>> expected{
        {&IntensityOptions::bias_field_probability, bias_field(item, *draw_bias_field(all, key))},
        {&IntensityOptions::gaussian_smooth_probability, gaussian_smooth(item, draw_gaussian_smooth(all, key)->sigma)},
        {&IntensityOptions::gibbs_noise_probability, gibbs_noise(item, *draw_gibbs_noise(all, key))},
        {&IntensityOptions::gaussian_noise_probability, gaussian_noise(item, *draw_gaussian_noise(all, key), normal)},
        {&IntensityOptions::sharpen_probability, sharpen(item, *draw_sharpen(all, key))},
        {&IntensityOptions::contrast_probability, contrast(item, *draw_contrast(all, key))}};
    for (const auto& [chance, image] : expected) {
        IntensityOptions options;
        options.*chance = 1;
        EXPECT_TRUE(at::equal(augmented(batch_of({4}), options).image[0], image));
        EXPECT_FALSE(at::equal(item, image));
    }
    EXPECT_TRUE(at::equal(augmented(batch_of({4}), IntensityOptions()).image[0], item));
}

TEST(AugmentIntensity, NoiseIsScaledAndShiftedBeforeTheContrastIsBent) {
    const Augmentation augmentation{0, {}, 0.2, 0.5};
    IntensityOptions options;
    options.gaussian_noise_probability = options.sharpen_probability = options.contrast_probability = 1;
    const Batch noisy = augmented(batch_of({7}), [] {
        IntensityOptions only;
        only.gaussian_noise_probability = 1;
        return only;
    }());
    const ops::RandomKey key = noisy.keys[0];
    const AugmentationDraw draw = draw_augmentation(augmentation, key);
    const at::Tensor moved = noisy.image[0].mul(1 + draw.scale).add(draw.shift);
    const at::Tensor expected = contrast(sharpen(moved, *draw_sharpen(options, key)), *draw_contrast(options, key));
    const Batch after = augmented(batch_of({7}), options, augmentation);
    EXPECT_LE(largest_difference(after.image[0], expected), 1e-5);
    EXPECT_GT(largest_difference(after.image[0], noisy.image[0]), 0.1);
}

TEST(AugmentIntensity, NoiseHasItsMeanAndDeviationAndIsEachItemsOwn) {
    IntensityOptions options;
    options.gaussian_noise_probability = 1;
    options.gaussian_noise_mean = 0.3;
    options.gaussian_noise_std = 2;
    Batch batch;
    batch.image = at::zeros({3, 2, 16, 32, 32}, at::kDouble);
    for (uint32_t position = 0; position < 3; ++position) batch.keys.push_back({1, 0, position, 0});
    batch = augmented(batch, options);
    const double n = 2 * 16 * 32 * 32;
    std::vector<at::Tensor> standard;  // [C * D * H * W], mean 0 and deviation 1 if the noise is what was drawn
    for (int64_t item = 0; item < 3; ++item) {
        const double deviation =
            draw_gaussian_noise(options, batch.keys[static_cast<size_t>(item)])->standard_deviation;
        const at::Tensor noise = batch.image[item].flatten().sub(0.3).div(deviation);
        EXPECT_NEAR(noise.mean().item<double>(), 0, 5 / std::sqrt(n));
        EXPECT_NEAR(noise.square().mean().item<double>(), 1, 5 * std::sqrt(2 / n));
        EXPECT_NEAR(noise.pow(4).mean().item<double>(), 3, 5 * std::sqrt(96 / n));  // a normal one's
        standard.push_back(noise);
        // One channel says nothing of the other, one voxel nothing of the next.
        const at::Tensor first = noise.slice(0, 0, noise.numel() / 2), second = noise.slice(0, noise.numel() / 2);
        EXPECT_NEAR(first.mul(second).mean().item<double>(), 0, 5 / std::sqrt(n / 2));
        EXPECT_NEAR(noise.slice(0, 1).mul(noise.slice(0, 0, -1)).mean().item<double>(), 0, 5 / std::sqrt(n));
    }
    EXPECT_NEAR(standard[0].mul(standard[1]).mean().item<double>(), 0, 5 / std::sqrt(n));
    EXPECT_NEAR(standard[1].mul(standard[2]).mean().item<double>(), 0, 5 / std::sqrt(n));
}

TEST(AugmentIntensity, AnEmptyBatchStaysEmpty) {
    Batch batch;
    batch.image = at::empty({0, 2, 8, 9, 10}, at::kFloat);
    batch = augmented(batch, all_on(), {0.5, {0}, 0.1, 0.1});
    EXPECT_EQ(batch.image.sizes(), (std::vector<int64_t>{0, 2, 8, 9, 10}));
}

TEST(AugmentIntensity, ABatchWithoutAKeyAnItemIsABug) {
    Batch batch = batch_of({0, 1});
    batch.keys.pop_back();
    EXPECT_THROW(augment_intensity_before(batch, all_on()), core::InternalError);
    EXPECT_THROW(augment_intensity_after(batch, all_on(), {}), core::InternalError);
}

}  // namespace
}  // namespace vox::data
