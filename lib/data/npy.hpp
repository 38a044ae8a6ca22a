#pragma once
// NumPy's .npy files (format 1.0 to 3.0, NEP 1), read strictly.

#include <cstddef>
#include <filesystem>
#include <vector>

#include "core/geometry.hpp"
#include "data/nifti.hpp"
#include "data/voxel_type.hpp"

namespace vox::data {

struct NpyArray {
    std::vector<int64_t> shape;
    VoxelType type = VoxelType::float32;
    std::vector<std::byte> values;  // row-major, native byte order
};

/// An array of `axes` axes, integers of 1 to 8 bytes or float32, float64, little-endian; in Fortran order too.  Throws DataError,
/// with the file's name, for anything else, for a header or size that does not fit the file exactly, axes over the shard format's
/// limits (all before memory is taken), and a NaN or infinite value.
NpyArray read_npy(const std::filesystem::path& file, size_t axes);

/// A volume [D,H,W] = superior, anterior, right, which says nothing of its voxels: `spacing_mm` does, D,H,W, the origin is at the
/// first voxel.  Throws DataError as `read_npy`, and where the spacing is 0.
NiftiImage read_npy_volume(const std::filesystem::path& file, const core::Double3& spacing_mm);

}  // namespace vox::data
