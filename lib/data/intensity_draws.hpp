#pragma once
// What one item gets of each transform of intensities: pure functions of its key.  Nothing: the item stays as it is.

#include <cstdint>
#include <optional>
#include <vector>

#include "core/geometry.hpp"
#include "data/intensity_options.hpp"
#include "ops/random_key.hpp"

namespace vox::data {

struct BiasField {
    int64_t degree = 0;
    /// Of L_i(d) L_j(h) L_k(w), i + j + k <= degree; i slowest, k fastest: MONAI's order.
    std::vector<double> coefficients;
};
/// (degree + 1)(degree + 2)(degree + 3) / 6.
int64_t bias_field_terms(int64_t degree);

struct GaussianSmooth {
    core::Double3 sigma{};  // voxels, D, H, W
};

struct GibbsNoise {
    double alpha = 0;  // 0 .. 1
};

struct GaussianNoise {
    double mean = 0, standard_deviation = 0;
};

struct Sharpen {
    core::Double3 sigma1{}, sigma2{};  // voxels, D, H, W
    double alpha = 0;
};

struct Contrast {
    double gamma = 1;
};

/// Each with its own ops::Purpose and layer 0: number 0 decides whether, the next ones how.
std::optional<BiasField> draw_bias_field(const IntensityOptions& options, const ops::RandomKey& key);
std::optional<GaussianSmooth> draw_gaussian_smooth(const IntensityOptions& options, const ops::RandomKey& key);
std::optional<GibbsNoise> draw_gibbs_noise(const IntensityOptions& options, const ops::RandomKey& key);
std::optional<GaussianNoise> draw_gaussian_noise(const IntensityOptions& options, const ops::RandomKey& key);
std::optional<Sharpen> draw_sharpen(const IntensityOptions& options, const ops::RandomKey& key);
std::optional<Contrast> draw_contrast(const IntensityOptions& options, const ops::RandomKey& key);

}  // namespace vox::data
