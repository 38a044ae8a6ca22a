#include "data/augment_intensity.hpp"

#include <ATen/ops/empty.h>

#include "core/error.hpp"
#include "data/intensity_draws.hpp"
#include "data/intensity_transforms.hpp"
#include "ops/random_tensor.hpp"

namespace vox::data {
namespace {

constexpr uint32_t kNoiseLayer = 1;  // of Purpose::gaussian_noise: 0 are the draws of its parameters

/// Each item whose key draws something becomes transform(item, key, what was drawn).
template <class Draw, class Transform>
void for_drawn(Batch& batch, const IntensityOptions& options, Draw draw, Transform transform) {
    for (size_t item = 0; item < batch.keys.size(); ++item) {
        const ops::RandomKey& key = batch.keys[item];
        if (const auto drawn = draw(options, key)) {
            const at::Tensor image = batch.image.select(0, static_cast<int64_t>(item));
            image.copy_(transform(image, key, *drawn));
        }
    }
}

at::Tensor standard_normal(const at::Tensor& item, const ops::RandomKey& key) {
    const at::Tensor one = item.unsqueeze(0);
    return ops::random_normal_tensor({&key, 1}, ops::Purpose::gaussian_noise, kNoiseLayer, one.sizes(), one.options())
        .squeeze(0);
}

void check_keys(const Batch& batch) {
    core::check(batch.size() == static_cast<int64_t>(batch.keys.size()), "augment: a batch needs one key an item");
}

}  // namespace

void augment_intensity_before(Batch& batch, const IntensityOptions& options) {
    check_keys(batch);
    using Item = const at::Tensor&;
    using Key = const ops::RandomKey&;
    for_drawn(batch, options, draw_bias_field,
              [](Item item, Key, const BiasField& draw) { return bias_field(item, draw); });
    for_drawn(batch, options, draw_gaussian_smooth,
              [](Item item, Key, const GaussianSmooth& draw) { return gaussian_smooth(item, draw.sigma); });
    for_drawn(batch, options, draw_gibbs_noise,
              [](Item item, Key, const GibbsNoise& draw) { return gibbs_noise(item, draw); });
}

void augment_intensity_after(Batch& batch, const IntensityOptions& options, const Augmentation& augmentation) {
    check_keys(batch);
    using Item = const at::Tensor&;
    using Key = const ops::RandomKey&;
    for_drawn(batch, options, draw_gaussian_noise, [](Item item, Key key, const GaussianNoise& draw) {
        return gaussian_noise(item, draw, standard_normal(item, key));
    });
    scale_and_shift(batch, augmentation);
    for_drawn(batch, options, draw_sharpen, [](Item item, Key, const Sharpen& draw) { return sharpen(item, draw); });
    for_drawn(batch, options, draw_contrast, [](Item item, Key, const Contrast& draw) { return contrast(item, draw); });
}

}  // namespace vox::data
