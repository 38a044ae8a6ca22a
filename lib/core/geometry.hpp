#pragma once
// Voxel grids and where they lie.  Indices are (i, j, k) as NIfTI counts them; millimetres are RAS
// (x to the right, y to the front, z up).  Arrays in memory are [D,H,W] = [k,j,i], so that i is the fastest.

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace vox::core {

using Index3 = std::array<int64_t, 3>;
using Double3 = std::array<double, 3>;

/// Maps (i, j, k, 1) to (x, y, z, 1) in RAS mm.  Row major; the last row is 0 0 0 1.
using Affine = std::array<std::array<double, 4>, 4>;

/// Edge length of a voxel along index axis `column`, in mm.
inline double column_length(const Affine& m, size_t column) {
    return std::hypot(m[0][column], m[1][column], m[2][column]);
}

/// Of the upper left 3x3 part; negative where the voxel axes are left-handed.
inline double determinant(const Affine& m) {
    return m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
           m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
}

/// True where voxels have no place in space: axes that are parallel, of no length, or not finite.
inline bool is_singular(const Affine& m) {
    const double volume = column_length(m, 0) * column_length(m, 1) * column_length(m, 2);
    return !(std::abs(determinant(m)) > 1e-6 * volume) || !std::isfinite(volume);  // written so that NaN is singular
}

/// A box of voxels in [D,H,W] order: `start` inclusive, `size` voxels long.
struct Box {
    Index3 start{0, 0, 0};
    Index3 size{0, 0, 0};
    int64_t voxels() const { return size[0] * size[1] * size[2]; }
    bool operator==(const Box&) const = default;
};

}  // namespace vox::core
