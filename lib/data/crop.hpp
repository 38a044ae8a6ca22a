#pragma once
// Where a crop lies: chosen on the host before reading, so that only the crop's chunks are read.

#include <span>

#include "core/geometry.hpp"
#include "data/shard_reader.hpp"
#include "ops/random_key.hpp"

namespace vox::data {

/// `box` lies inside the volume; along an axis where the volume is smaller than the crop it is the whole axis, and the crop
/// begins `pad_before` voxels of 0 earlier (half of what is missing, rounded down, as MONAI's symmetric SpatialPad).
struct Crop {
    core::Box box;
    core::Index3 pad_before{0, 0, 0};
    bool operator==(const Crop&) const = default;
};

/// The crop of `size` [D,H,W] voxels at `start`, padded where the volume is smaller (start is ignored there).
Crop crop_at(const core::Index3& volume, const core::Index3& size, const core::Index3& start);

/// With probability `foreground_ratio` a crop centred at a foreground voxel (a label value present in the case, each as likely
/// as another, then one of its voxels), moved inside the volume; otherwise, or where the case has no foreground, every
/// place is as likely.  A pure function of the key (purpose crop).
Crop choose_crop(const core::Index3& volume, const core::Index3& size, double foreground_ratio,
                 std::span<const ForegroundPositions> foreground, const ops::RandomKey& key);

/// The same crop with `margin` voxels more on every side, as far as the volume reaches: what is missing is padded.  Where the
/// crop of `size` lies does not change.
Crop with_margin(const Crop& crop, const core::Index3& volume, const core::Index3& size, const core::Index3& margin);

/// Of a crop with its margin, size + 2 * margin voxels, the part that is volume: counted from the first voxel of the
/// margin.  A volume that is smaller than the crop counts as padded to it.
core::Box inside_volume(const Crop& crop, const core::Index3& volume, const core::Index3& size,
                        const core::Index3& margin);

}  // namespace vox::data
