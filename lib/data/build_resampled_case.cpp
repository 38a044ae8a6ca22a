// A case whose files lie on grids of their own: onto one grid first, then as any other case.

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cstring>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/case_data.hpp"
#include "data/case_grid.hpp"
#include "data/orientation.hpp"

namespace vox::data {
namespace {

using core::concat;
using core::DataError;
using ops::Interpolation;
using ops::VoxelGrid;

/// The affine to the last bit: rounding it to float32 would move voxels off the centres that they share with the file.
NiftiGeometry exact_geometry(const core::Affine& affine) {
    NiftiGeometry geometry = geometry_from_affine(affine);
    for (size_t row = 0; row < 3; ++row) geometry.srow[row] = affine[row];
    return geometry;
}

template <class Voxel>
NiftiImage moved(std::vector<Voxel> voxels, const VoxelGrid& from, const VoxelGrid& to, VoxelType type,
                 Interpolation interpolation) {
    const auto volume = at::from_blob(voxels.data(), {1, from.size[2], from.size[1], from.size[0]},
                                      at::TensorOptions(c10::CppTypeToScalarType<Voxel>::value));
    const auto result = ops::resample(volume, from, to, interpolation);
    NiftiImage image;
    image.size = to.size;
    image.type = type;
    image.geometry = exact_geometry(to.affine);
    image.voxels.resize(result.nbytes());
    std::memcpy(image.voxels.data(), result.const_data_ptr(), result.nbytes());
    return image;
}

/// `image` itself where it lies on `to` already, in whatever order of axes.
NiftiImage image_on(const NiftiImage& image, const VoxelGrid& to) {
    const VoxelGrid from = file_grid(image);
    if (same_grid(ras_grid(from), ras_grid(to))) return image;
    return moved(image.scaled(), from, to, VoxelType::float32, Interpolation::linear);
}

NiftiImage label_on(const NiftiImage& label, const VoxelGrid& to) {
    const VoxelGrid from = file_grid(label);
    if (same_grid(ras_grid(from), ras_grid(to))) return label;
    return moved(label_values(label), from, to, VoxelType::uint8, Interpolation::nearest);
}

void check_overlap(const std::string& name, const NiftiImage& image, const std::string& reference,
                   const VoxelGrid& grid) {
    if (ops::holds_centre(file_grid(image), grid)) return;
    throw DataError(concat(name, " does not lie where ", reference,
                           " does: its field of view does not hold the centre of ", reference,
                           ".  Are both of the same study?"));
}

VoxelGrid target_grid(const VoxelGrid& native, const core::Double3& spacing_mm) {
    const Orientation orientation = orientation_of(native.affine);
    core::Double3 along_file_axes{};
    for (size_t ras_axis = 0; ras_axis < 3; ++ras_axis) {
        const auto file_axis = static_cast<size_t>(orientation.axis[ras_axis]);
        const double wanted = spacing_mm[2 - ras_axis];  // D,H,W = S,A,R
        along_file_axes[file_axis] = wanted > 0 ? wanted : core::column_length(native.affine, file_axis);
    }
    const VoxelGrid target = ops::with_spacing(native, along_file_axes);
    return same_grid(native, target) ? native : target;
}

/// What the file was, but with the scaling of what is stored.
void keep_source(SourceVolume& stored, const NiftiImage& file) {
    stored.size = file.size;
    stored.type = file.type;
    stored.geometry = file.geometry;
}

}  // namespace

CaseData build_resampled_case(std::string id, const std::vector<NamedVolume>& channels, const NiftiImage* label,
                              const CommonGrid& common, const std::map<int, int>& translation) {
    if (common.reference.empty()) return build_case(std::move(id), channels, label, translation);
    const auto reference = std::ranges::find(channels, common.reference, &NamedVolume::name);
    core::check(reference != channels.end(), "the reference is one of the channels");
    const VoxelGrid native = file_grid(reference->image), target = target_grid(native, common.spacing_mm);
    bool resampled = !same_grid(native, target);
    std::vector<NamedVolume> volumes;
    for (const auto& [name, image] : channels) {
        check_overlap(name, image, common.reference, native);
        resampled = resampled || !same_grid(ras_grid(file_grid(image)), ras_grid(native));
        volumes.push_back({name, image_on(image_on(image, native), target)});
    }
    std::optional<NiftiImage> own_label;
    if (label) {
        check_overlap("the label", *label, common.reference, native);
        resampled = resampled || !same_grid(ras_grid(file_grid(*label)), ras_grid(native));
        own_label = label_on(label_on(*label, native), target);
    }
    CaseData data = build_case(std::move(id), volumes, own_label ? &*own_label : nullptr, translation);
    if (!resampled) return data;
    data.info.reference = common.reference;
    for (size_t c = 0; c < channels.size(); ++c) keep_source(data.info.sources[c], channels[c].image);
    if (label) keep_source(data.info.label_source, *label);
    return data;
}

}  // namespace vox::data
