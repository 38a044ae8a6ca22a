#pragma once
// How far each voxel of a grid is from a mask: exact Euclidean distances, on anisotropic grids too.

#include <cstdint>
#include <span>
#include <vector>

#include "core/geometry.hpp"

namespace vox::metrics {

/// For each voxel the squared distance, in mm^2, from its centre to the nearest centre of a voxel where `mask` is not
/// 0; infinity everywhere where the mask is empty.  `mask` and result [D,H,W], row-major; size and spacing in D,H,W
/// order.  The root equals scipy.ndimage.distance_transform_edt(mask == 0, sampling=spacing_mm).  Time and memory grow
/// with the number of voxels, whatever the mask: one axis after the other, by the lower envelope of parabolas
/// (Felzenszwalb and Huttenlocher, "Distance Transforms of Sampled Functions", Theory of Computing 8, 2012).
/// Any rank, no communication.  Throws InternalError where mask and size differ, or a spacing is not a positive number.
std::vector<double> squared_distance_transform(std::span<const uint8_t> mask, const core::Index3& size,
                                               const core::Double3& spacing_mm);

}  // namespace vox::metrics
