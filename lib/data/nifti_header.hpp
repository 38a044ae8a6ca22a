#pragma once
// The header of a NIfTI file between bytes and fields, for the reader and the writer.

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "data/nifti.hpp"

namespace vox::data {

/// What the reader needs of a header, in mm and native byte order.
struct NiftiHeader {
    bool swapped = false;    // the voxels have the other byte order, too
    uint64_t voxel_offset = 0;
    core::Index3 size{};
    int64_t volumes = 1;     // product of the axes beyond the third
    VoxelType type = VoxelType::int16;
    double scl_slope = 1.0, scl_inter = 0.0;
    NiftiGeometry geometry;
    std::string description;
};

constexpr size_t nifti1_header_bytes = 348;
constexpr size_t nifti2_header_bytes = 540;

/// How long the header is that begins with these four bytes (348 or 540, in either byte order); 0: not NIfTI.
size_t nifti_header_bytes(std::span<const std::byte> first_four);

/// Throws DataError, with the name of `file`, for whatever `read_nifti` refuses in a header.
NiftiHeader parse_nifti_header(std::span<const std::byte> bytes, const std::filesystem::path& file);

/// Header and the four bytes "no extension": what stands before the voxels.
std::vector<std::byte> build_nifti_header(const NiftiImage& image);

}  // namespace vox::data
