#pragma once
// What the tests of intensity augmentation share.

#include <ATen/core/Tensor.h>

#include "data/intensity_options.hpp"

namespace vox::test {

/// Every transform with this chance.
inline data::IntensityOptions all_intensities(double probability = 1) {
    data::IntensityOptions options;
    options.bias_field_probability = options.gaussian_smooth_probability = options.gibbs_noise_probability =
        probability;
    options.gaussian_noise_probability = options.sharpen_probability = options.contrast_probability = probability;
    return options;
}

inline double largest_difference(const at::Tensor& a, const at::Tensor& b) {
    return a.to(at::kDouble).sub(b.to(at::kDouble)).abs().max().item<double>();
}

}  // namespace vox::test
