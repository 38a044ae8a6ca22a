#pragma once
// Any axis order to RAS and back, by permuting and flipping axes: no voxel value is changed or interpolated.

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "core/geometry.hpp"

namespace vox::data {

/// How a source grid (i,j,k) becomes the RAS grid: RAS axis a is source axis `axis[a]`, reversed where `flip[a]`.
struct Orientation {
    std::array<int, 3> axis{0, 1, 2};
    std::array<bool, 3> flip{false, false, false};
    bool operator==(const Orientation&) const = default;
};

/// The permutation and flips that bring each voxel axis to its closest patient axis (nibabel's io_orientation: ties and
/// oblique grids are resolved by the singular value decomposition there; here by the best assignment of |direction cosines|).
/// Throws DataError for a singular affine.
Orientation orientation_of(const core::Affine& affine);

/// "LPS", "RAS", ...: the patient direction in which each source axis grows.
std::string orientation_code(const core::Affine& affine);

/// Size (R, A, S axes) and affine of the grid after reorientation.
core::Index3 oriented_size(const core::Index3& source_size, const Orientation& orientation);
core::Affine oriented_affine(const core::Affine& affine, const core::Index3& source_size,
                             const Orientation& orientation);

/// Moves voxels of `bytes_per_voxel` bytes from the source grid (i fastest) to [D,H,W] = [S,A,R] order (R fastest), and back.
std::vector<std::byte> to_ras(std::span<const std::byte> voxels, const core::Index3& source_size,
                              size_t bytes_per_voxel, const Orientation& orientation);
std::vector<std::byte> from_ras(std::span<const std::byte> voxels, const core::Index3& source_size,
                                size_t bytes_per_voxel, const Orientation& orientation);

/// Voxel edge lengths in mm along [D,H,W] of a RAS affine.
core::Double3 spacing_dhw(const core::Affine& ras_affine);

}  // namespace vox::data
