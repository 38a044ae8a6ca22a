#pragma once
// Where the voxels of a case lie, in the shard and in its files, and the way back for results.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "data/case_info.hpp"
#include "ops/resample.hpp"

namespace vox::data {

/// The grid of a volume as its file has it.
ops::VoxelGrid file_grid(const NiftiImage& image);
/// The same voxels in RAS order: tensors on it are [C,D,H,W] = [C,S,A,R].
ops::VoxelGrid ras_grid(const ops::VoxelGrid& grid);
/// Same size, and no corner further apart than a hundredth of the shortest voxel edge: header rounding, not registration.
bool same_grid(const ops::VoxelGrid& a, const ops::VoxelGrid& b);

/// The grid of a case in its shard.
ops::VoxelGrid stored_grid(const CaseInfo& info);
/// The file whose grid results go back to: the first channel's, of a resampled case the one named by `info.reference`.
const SourceVolume& reference_source(const CaseInfo& info);
/// Its grid in RAS order; equal to `stored_grid` where nothing was resampled.
ops::VoxelGrid reference_grid(const CaseInfo& info);

/// volume [C,D,H,W] from the stored grid to the reference's in RAS order: the same tensor where nothing was resampled.  Logits and
/// probabilities go linear (floating), label maps nearest (any dtype).  Any rank and device.
at::Tensor onto_reference(const CaseInfo& info, const at::Tensor& volume, ops::Interpolation interpolation);
/// label [D,H,W] on the reference's grid in RAS order as a file on the reference's own axes, uint8.
NiftiImage reference_label_file(const CaseInfo& info, std::span<const uint8_t> label);
/// values [D,H,W] float32 on the stored grid as such a file of float32: moved linearly; exact where nothing was resampled.
NiftiImage restore_volume(const CaseInfo& info, const at::Tensor& values);
/// label [D,H,W] on the stored grid as such a file: moved by the nearest voxel; exact where nothing was resampled.
NiftiImage restore_label_map(const CaseInfo& info, std::span<const uint8_t> label);

}  // namespace vox::data
