#pragma once
// Voxel grids and where they lie.  Indices are (i, j, k) as NIfTI counts them; millimetres are RAS
// (x to the right, y to the front, z up).  Arrays in memory are [D,H,W] = [k,j,i], so that i is the fastest.

#include <array>
#include <cstdint>

namespace vox::core {

using Index3 = std::array<int64_t, 3>;
using Double3 = std::array<double, 3>;

/// Maps (i, j, k, 1) to (x, y, z, 1) in RAS mm.  Row major; the last row is 0 0 0 1.
using Affine = std::array<std::array<double, 4>, 4>;

/// A box of voxels in [D,H,W] order: `start` inclusive, `size` voxels long.
struct Box {
    Index3 start{0, 0, 0};
    Index3 size{0, 0, 0};
    int64_t voxels() const { return size[0] * size[1] * size[2]; }
    bool operator==(const Box&) const = default;
};

}  // namespace vox::core
