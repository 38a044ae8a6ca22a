#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/byte_source.hpp"
#include "data/nifti.hpp"
#include "data/nifti_header.hpp"

namespace vox::data {

using core::concat;
using core::DataError;

namespace {

// More are no channels of an image, and millions of tiny ones would cost more memory than their voxels.
constexpr int64_t most_volumes = 4096;

void read_exactly(ByteSource& source, std::byte* out, size_t count, const std::filesystem::path& file) {
    const size_t got = source.read(out, count);
    if (got < count) {
        throw DataError(concat(file.string(), ": truncated: ", count - got,
                               " bytes are missing at its end; copy or download the file again"));
    }
}

NiftiHeader read_header(ByteSource& source, const std::filesystem::path& file) {
    std::vector<std::byte> bytes(nifti1_header_bytes);
    read_exactly(source, bytes.data(), bytes.size(), file);
    const size_t length = nifti_header_bytes({bytes.data(), 4});
    if (length == 0)
        throw DataError(concat(file.string(), ": not a NIfTI file (header length is neither 348 nor 540)"));
    bytes.resize(length);
    read_exactly(source, bytes.data() + nifti1_header_bytes, length - nifti1_header_bytes, file);
    auto header = parse_nifti_header(bytes, file);

    // Extensions between header and voxels belong to other programs and are skipped.
    std::vector<std::byte> skipped(size_t{1} << 16);
    for (uint64_t left = header.voxel_offset - length; left > 0;) {
        const auto piece = static_cast<size_t>(std::min<uint64_t>(left, skipped.size()));
        read_exactly(source, skipped.data(), piece, file);
        left -= piece;
    }
    return header;
}

/// Bytes of one volume.  Refuses what cannot be in the file, before any memory is taken for it.
size_t volume_bytes(const NiftiHeader& header, const ByteSource& source, size_t max_bytes,
                    const std::filesystem::path& file) {
    if (header.volumes > most_volumes) {
        throw DataError(concat(file.string(), ": ", header.volumes, " volumes; at most ", most_volumes, " are read"));
    }
    uint64_t one = voxel_bytes(header.type);
    for (const int64_t length : header.size) {
        if (__builtin_mul_overflow(one, static_cast<uint64_t>(length), &one)) {
            throw DataError(concat(file.string(), ": dimensions overflow 64 bits"));
        }
    }
    uint64_t all = 0, with_header = 0;
    if (__builtin_mul_overflow(one, static_cast<uint64_t>(header.volumes), &all) ||
        __builtin_add_overflow(all, header.voxel_offset, &with_header)) {
        throw DataError(concat(file.string(), ": dimensions overflow 64 bits"));
    }
    const auto axes = core::join(header.size, "x") + (header.volumes > 1 ? concat("x", header.volumes) : std::string());
    if (all > max_bytes) {
        throw DataError(concat(file.string(), ": ", axes, " voxels of ", voxel_type_name(header.type), " are ",
                               core::human_bytes(static_cast<double>(all)), ", more than the limit of ",
                               core::human_bytes(static_cast<double>(max_bytes))));
    }
    if (with_header > source.most_bytes()) {
        throw DataError(concat(file.string(), ": truncated: its header promises ", axes, " voxels of ",
                               voxel_type_name(header.type), ", which the file is too short for"));
    }
    return static_cast<size_t>(one);
}

void swap_byte_order(std::vector<std::byte>& voxels, size_t bytes_per_voxel) {
    if (bytes_per_voxel == 1) return;
    for (size_t at = 0; at < voxels.size(); at += bytes_per_voxel) {
        std::reverse(voxels.begin() + static_cast<std::ptrdiff_t>(at),
                     voxels.begin() + static_cast<std::ptrdiff_t>(at + bytes_per_voxel));
    }
}

template <class Real>
void refuse_not_finite(const NiftiImage& image, const std::filesystem::path& file) {
    const auto* values = reinterpret_cast<const Real*>(image.voxels.data());
    for (int64_t at = 0; at < image.voxel_count(); ++at) {
        if (std::isfinite(values[at])) continue;
        const int64_t i = at % image.size[0], j = at / image.size[0] % image.size[1],
                      k = at / (image.size[0] * image.size[1]);
        throw DataError(concat(file.string(), ": voxel (", i, ", ", j, ", ", k, ") is ",
                               std::isnan(values[at]) ? "NaN" : "infinite", "; replace such voxels before converting"));
    }
}

void refuse_singular(const NiftiImage& image, const std::filesystem::path& file) {
    if (core::is_singular(image.affine())) {
        throw DataError(concat(file.string(), ": its ", image.geometry.sform_code > 0 ? "sform" : "qform",
                               " is singular: voxels have no place in space"));
    }
}

}  // namespace

std::vector<NiftiImage> read_nifti_channels(const std::filesystem::path& file, size_t max_bytes) {
    ByteSource source(file);
    const NiftiHeader header = read_header(source, file);
    const size_t bytes = volume_bytes(header, source, max_bytes, file);
    NiftiImage empty;
    empty.size = header.size;
    empty.type = header.type;
    empty.scl_slope = header.scl_slope;
    empty.scl_inter = header.scl_inter;
    empty.geometry = header.geometry;
    empty.description = header.description;
    refuse_singular(empty, file);

    std::vector<NiftiImage> volumes;
    for (int64_t number = 0; number < header.volumes; ++number) {
        NiftiImage& volume = volumes.emplace_back(empty);
        volume.voxels.resize(bytes);
        read_exactly(source, volume.voxels.data(), bytes, file);
        if (header.swapped) swap_byte_order(volume.voxels, voxel_bytes(volume.type));
        if (volume.type == VoxelType::float32) refuse_not_finite<float>(volume, file);
        if (volume.type == VoxelType::float64) refuse_not_finite<double>(volume, file);
    }
    // One byte further: the end of a gzip stream holds its checksum, and data beyond the dimensions mean a wrong header.
    std::byte beyond;
    if (source.read(&beyond, 1) != 0) {
        throw DataError(concat(file.string(), ": holds more bytes than its dimensions describe; its header is wrong"));
    }
    return volumes;
}

NiftiImage read_nifti(const std::filesystem::path& file, size_t max_bytes) {
    auto volumes = read_nifti_channels(file, max_bytes);
    if (volumes.size() != 1) {
        throw DataError(concat(file.string(), ": holds ", volumes.size(), " volumes where one is expected"));
    }
    return std::move(volumes.front());
}

}  // namespace vox::data
