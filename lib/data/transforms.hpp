#pragma once
// Intensity normalisation, flips, scale and shift: the same tensor code on CPU and GPU.  What an item gets is a pure function of
// its key.  The order of all transforms is in augment_intensity.hpp.

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/batch.hpp"
#include "data/case_info.hpp"
#include "ops/random_key.hpp"

namespace vox::data {

/// zscore_nonzero: (x - mean) / standard deviation of the channel's non-zero voxels where x is not 0; 0 stays 0
///     (MONAI NormalizeIntensity(nonzero=True, channel_wise=True)).
/// zscore: the same of all the channel's voxels, everywhere (MONAI NormalizeIntensity(channel_wise=True), whether or not
///     ScaleIntensity comes before).
/// unit_range: minimum .. maximum of all the channel's voxels become 0 .. 1 (MONAI ScaleIntensity(channel_wise=True)).
/// percentile: p01 .. p99 of the channel's non-zero voxels become -1 .. 1, what lies outside is clipped, 0 included
///     (MONAI ScaleIntensityRange(p01, p99, -1, 1, clip=True)).
/// window: low .. high of Intensities::window, the same in every case, become -1 .. 1, what lies outside is clipped
///     (MONAI ScaleIntensityRange(low, high, -1, 1, clip=True)).
/// none: as stored, after slope and intercept.
enum class Normalisation { none, zscore_nonzero, zscore, unit_range, percentile, window };

/// How a network sees intensities.
struct Intensities {
    Intensities(Normalisation chosen) : method(chosen) {}  // implicit: most methods need no more
    Intensities(Normalisation chosen, std::array<double, 2> low_high) : method(chosen), window(low_high) {}
    Normalisation method;
    std::array<double, 2> window{-1000, 3000};  // HU
};

/// By name; throws ConfigError for another.
Normalisation normalisation(const std::string& name);

/// image [B,C,D,H,W], floating: item b by the whole-volume statistics of `cases[b]`.  A spread of 0 divides by 1.  What a crop
/// has beyond its volume is 0 before, and is treated as a voxel of 0.  Returns a new tensor (the same one for `none`).  Throws InternalError where B, C and the statistics do not match.
at::Tensor normalise(const at::Tensor& image, std::span<const CaseInfo* const> cases, const Intensities& intensities);

struct Augmentation {
    double flip_probability = 0;
    std::vector<int64_t> flip_axes;  // 0 D, 1 H, 2 W; each is flipped or not by itself
    double intensity_scale = 0;  // x * (1 + u), u uniform in [-scale, scale), one an item
    double intensity_shift = 0;  // x + u, u uniform in [-shift, shift), one an item
    double intensity_scale_probability = 1;
    double intensity_shift_probability = 1;
};

/// What one item gets.
struct AugmentationDraw {
    std::array<bool, 3> flip{false, false, false};
    double scale = 0;  // the u of x * (1 + u)
    double shift = 0;
};
AugmentationDraw draw_augmentation(const Augmentation& augmentation, const ops::RandomKey& key);

/// Flips image, label and views (as the flipped volume's parallel projections) in place, item by item as `draw_augmentation(batch.keys[b])` says.  The loader calls it.
void flip(Batch& batch, const Augmentation& augmentation);

/// Scales and shifts the image in place, the same way.  `augment_intensity_after` calls it.
void scale_and_shift(Batch& batch, const Augmentation& augmentation);

}  // namespace vox::data
