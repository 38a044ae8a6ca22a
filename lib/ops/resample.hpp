#pragma once
// Volumes from one voxel grid onto another, by the places of their voxels in space.  The same tensor code on CPU and GPU.

#include <ATen/core/Tensor.h>

#include "core/geometry.hpp"

namespace vox::ops {

/// Where voxels lie.  A tensor on this grid is [C,D,H,W] with D, H, W = size[2], size[1], size[0].
struct VoxelGrid {
    core::Index3 size{};  // i, j, k
    core::Affine affine{};  // (i,j,k) to mm
};

/// The grid that samples the same box at another spacing (mm along i, j, k): voxel (0,0,0) stays where it is, directions stay,
/// an axis of n voxels gets round((n - 1) * old / new) + 1.  This is the grid of MONAI's Spacing wherever that finds a corner
/// to start from.  (For most oblique affines rounded to float32, MONAI 1.6.1 finds none and shifts the grid by a part of a
/// voxel.)  Throws InternalError for a spacing that is not positive.
VoxelGrid with_spacing(const VoxelGrid& grid, const core::Double3& spacing_mm);

/// Maps voxel indices of `to` to voxel indices of `from`.
core::Affine voxel_map(const VoxelGrid& from, const VoxelGrid& to);

/// The largest distance in mm between the same corner of two grids of one size.
double corner_distance_mm(const VoxelGrid& a, const VoxelGrid& b);

/// True where the centre of `inner` lies inside `outer`, half a voxel around its outermost centres included.
bool holds_centre(const VoxelGrid& outer, const VoxelGrid& inner);

/// linear: the weighted mean of the eight voxels around a place.  nearest: the closest voxel; of two equally close ones that
///     with the smaller index (MONAI leaves this to the rounding of its coordinates).
/// Beyond the outermost voxel centres both take the closest voxel (grid_sample's padding "border").
enum class Interpolation { nearest, linear };

/// volume [C,D,H,W] on `from`, any device; nearest takes any dtype, linear float32 or float64.  Returns [C,d,h,w] on `to`, of
/// the same dtype and device.  Coordinates and sums are float64; a coordinate within 1e-6 of a voxel's centre counts as that
/// centre, so that a voxel that stays in place keeps its value bit for bit.  Equal to MONAI's SpatialResample with
/// align_corners=False and padding_mode="border".  Throws InternalError where the volume does not have `from`'s size.
at::Tensor resample(const at::Tensor& volume, const VoxelGrid& from, const VoxelGrid& to, Interpolation interpolation);

}  // namespace vox::ops
