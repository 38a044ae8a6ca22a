#include "data/case_grid.hpp"

#include <ATen/ops/from_blob.h>

#include <algorithm>

#include "core/error.hpp"
#include "data/orientation.hpp"

namespace vox::data {

ops::VoxelGrid file_grid(const NiftiImage& image) { return {image.size, image.affine()}; }

ops::VoxelGrid ras_grid(const ops::VoxelGrid& grid) {
    const Orientation orientation = orientation_of(grid.affine);
    return {oriented_size(grid.size, orientation), oriented_affine(grid.affine, grid.size, orientation)};
}

bool same_grid(const ops::VoxelGrid& a, const ops::VoxelGrid& b) {
    const core::Double3 spacing = spacing_dhw(a.affine);
    return a.size == b.size &&
           ops::corner_distance_mm(a, b) <= 0.01 * *std::min_element(spacing.begin(), spacing.end());
}

ops::VoxelGrid stored_grid(const CaseInfo& info) {
    return {{info.shape[3], info.shape[2], info.shape[1]}, info.affine};
}

const SourceVolume& reference_source(const CaseInfo& info) {
    if (info.reference.empty()) return info.sources.front();
    const auto found = std::ranges::find(info.sources, info.reference, &SourceVolume::channel);
    core::check(found != info.sources.end(), "a case's reference is one of its channels");
    return *found;
}

ops::VoxelGrid reference_grid(const CaseInfo& info) {
    if (info.reference.empty()) return stored_grid(info);
    const SourceVolume& source = reference_source(info);
    NiftiImage header;
    header.size = source.size;
    header.geometry = source.geometry;
    return ras_grid(file_grid(header));
}

at::Tensor onto_reference(const CaseInfo& info, const at::Tensor& volume, ops::Interpolation interpolation) {
    if (info.reference.empty()) return volume;
    return ops::resample(volume, stored_grid(info), reference_grid(info), interpolation);
}

namespace {

/// Voxels [D,H,W] on the reference's grid in RAS order as a file on the reference's own axes.
NiftiImage reference_file(const CaseInfo& info, std::span<const std::byte> voxels, VoxelType type) {
    const SourceVolume& source = reference_source(info);
    NiftiImage file;
    file.size = source.size;
    file.type = type;
    file.geometry = source.geometry;
    core::check(voxels.size() == static_cast<size_t>(file.voxel_count()) * voxel_bytes(type),
                "a result does not have its file's size");
    file.voxels = from_ras(voxels, file.size, voxel_bytes(type), orientation_of(file.affine()));
    return file;
}

}  // namespace

NiftiImage reference_label_file(const CaseInfo& info, std::span<const uint8_t> label) {
    return reference_file(info, std::as_bytes(label), VoxelType::uint8);
}

NiftiImage restore_volume(const CaseInfo& info, const at::Tensor& values) {
    const at::Tensor moved =
        onto_reference(info, values.unsqueeze(0), ops::Interpolation::linear)[0].to(at::kFloat).contiguous();
    const std::span<const float> voxels(moved.const_data_ptr<float>(), static_cast<size_t>(moved.numel()));
    return reference_file(info, std::as_bytes(voxels), VoxelType::float32);
}

NiftiImage restore_label_map(const CaseInfo& info, std::span<const uint8_t> label) {
    const ops::VoxelGrid stored = stored_grid(info);
    core::check(label.size() == static_cast<size_t>(stored.size[0] * stored.size[1] * stored.size[2]),
                "a label map does not have its case's size");
    // from_blob takes no const; the tensor is only read.
    const auto map = at::from_blob(const_cast<uint8_t*>(label.data()),
                                   {1, stored.size[2], stored.size[1], stored.size[0]}, at::TensorOptions(at::kByte));
    const auto moved = onto_reference(info, map, ops::Interpolation::nearest);
    return reference_label_file(info, {moved.const_data_ptr<uint8_t>(), static_cast<size_t>(moved.numel())});
}

}  // namespace vox::data
