#include "data/augment_intensity.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "data/intensity_draws.hpp"
#include "data/intensity_fixtures.hpp"
#include "data/intensity_transforms.hpp"
#include "ops/random_tensor.hpp"
#include "support/golden.hpp"

namespace vox::data {
namespace {

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
        const IntensityOptions options = test::all_intensities(probability);
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
        EXPECT_LE(test::largest_difference(joined.image, precise.image), 1e-4);
        EXPECT_GT(test::largest_difference(joined.image, precise.image), 0);
        EXPECT_GT(test::largest_difference(joined.image, batch_of({0, 1, 2, 3}).image), 0.1);
    }
}

TEST(AugmentIntensity, ItemsThatDrawNothingKeepEveryBit) {
    const IntensityOptions options = test::all_intensities(0.2);
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
    const IntensityOptions all = test::all_intensities();
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
    EXPECT_LE(test::largest_difference(after.image[0], expected), 1e-5);
    EXPECT_GT(test::largest_difference(after.image[0], noisy.image[0]), 0.1);
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
    batch = augmented(batch, test::all_intensities(), {0.5, {0}, 0.1, 0.1});
    EXPECT_EQ(batch.image.sizes(), (std::vector<int64_t>{0, 2, 8, 9, 10}));
}

TEST(AugmentIntensity, ABatchWithoutAKeyAnItemIsABug) {
    Batch batch = batch_of({0, 1});
    batch.keys.pop_back();
    EXPECT_THROW(augment_intensity_before(batch, test::all_intensities()), core::InternalError);
    EXPECT_THROW(augment_intensity_after(batch, test::all_intensities(), {}), core::InternalError);
}

}  // namespace
}  // namespace vox::data
