#pragma once
// Whole volumes brought to one size, whatever their spacing: for networks that see a case as a whole.  Plain loops, so that every
// reading thread does its own and the result does not depend on how many there are.

#include <cstdint>
#include <span>

#include "core/geometry.hpp"
#include "data/batch.hpp"

namespace vox::data {

/// area: the mean of the voxels that a new one touches (torch's adaptive_avg_pool3d, MONAI's Resize(mode="area")): for making
///     volumes smaller.
/// trilinear: between the closest voxels, centres placed as torch's interpolate(mode="trilinear", align_corners=False) and MONAI's
///     Resize(mode="trilinear") place them.
enum class ResizeMode { area, trilinear };

struct Resize {
    core::Index3 size{0, 0, 0};  // D, H, W; 0: volumes stay as they are
    ResizeMode mode = ResizeMode::area;
    bool any() const { return size[0] > 0; }
};

/// in [C,D,H,W] of `from` voxels to out [C,d,h,w] of `to.size`.  Weights and sums are float64, what lies between two axes is float32.
void resize_image(std::span<const float> in, int64_t channels, const core::Index3& from, const Resize& to,
                  std::span<float> out);
/// Labels take the closest voxel (torch's "nearest-exact").
void resize_label(std::span<const uint8_t> in, const core::Index3& from, const core::Index3& to,
                  std::span<uint8_t> out);

/// Where a voxel stands for more or fewer: D,H,W, such that the volume's box stays.
core::Double3 resized_spacing(const core::Double3& spacing_mm, const core::Index3& from, const core::Index3& to);

/// A case that `load_case` gave, image and label resized; views stay.  `info` is still the stored case's.  The image has to be as
/// stored (Normalisation::none): resizing comes before normalising, as in the loader.
Sample resized(const Sample& sample, const Resize& to);

}  // namespace vox::data
