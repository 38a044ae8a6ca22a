#pragma once
// NIfTI-1 and NIfTI-2 files (.nii, .nii.gz), read strictly and written so that nothing of geometry or type is lost.
// Field meanings: the NIfTI-1 and NIfTI-2 standard headers (nifti1.h, nifti2.h).

#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "core/geometry.hpp"
#include "data/voxel_type.hpp"

namespace vox::data {

/// The geometry fields of a header as stored, for the way back.
struct NiftiGeometry {
    int qform_code = 0;
    int sform_code = 0;
    double qfac = 1.0;                                 // pixdim[0]: -1 or 1
    std::array<double, 3> pixdim_mm{1, 1, 1};          // pixdim[1..3], converted to mm by xyzt_units
    std::array<double, 3> quatern{0, 0, 0};            // b, c, d
    std::array<double, 3> qoffset_mm{0, 0, 0};
    std::array<std::array<double, 4>, 3> srow{};       // rows x, y, z; mm
};

/// One 3-D volume.  Voxels are as stored, before slope and intercept, native byte order, i fastest.
struct NiftiImage {
    core::Index3 size{0, 0, 0};  // i, j, k
    VoxelType type = VoxelType::int16;
    double scl_slope = 1.0;  // 0, or not finite, in the file counts as "no scaling" and is read as 1
    double scl_inter = 0.0;
    NiftiGeometry geometry;
    std::string description;
    std::vector<std::byte> voxels;

    int64_t voxel_count() const { return size[0] * size[1] * size[2]; }
    /// Voxel indices to RAS mm: sform where its code is > 0, else qform where its code is > 0, else the pixdim scaling
    /// (method 1 of the standard).
    core::Affine affine() const;
    /// Stored * slope + intercept, as float32, i fastest.
    std::vector<float> scaled() const;
};

/// Reads one volume; a 4-D file with a last axis of 1 counts as one.  Throws DataError, with the file's name, for: not a
/// NIfTI file, truncated or with bytes after a corrupt gzip stream, dimensions that are not positive or whose product does
/// not fit the file exactly, unknown or complex types, a singular affine, a NaN or infinite voxel (named by its index).
/// A decompressed size is checked against the header before memory is taken (limit: `max_bytes`).
NiftiImage read_nifti(const std::filesystem::path& file, size_t max_bytes = size_t{16} << 30);

/// All volumes of a 4-D file, in order (MSD stores its channels so); a 3-D file gives one.  Throws as `read_nifti`.
std::vector<NiftiImage> read_nifti_channels(const std::filesystem::path& file, size_t max_bytes = size_t{16} << 30);

/// Writes NIfTI-1, or NIfTI-2 where that would lose something: an axis longer than 32767, or a real number (affine, slope)
/// that is no float32; gzip where the name ends in .gz.  Written beside its place and renamed, so that the file is whole or absent.  The same image gives the same
/// bytes.  Throws WriteError.
void write_nifti(const std::filesystem::path& file, const NiftiImage& image);

/// A header with this affine in sform (code 1 or `code`) and, where it has no shear, in qform; rounded to float32, so that
/// NIfTI-1 keeps it.
NiftiGeometry geometry_from_affine(const core::Affine& affine, int code = 1);

}  // namespace vox::data
