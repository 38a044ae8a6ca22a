#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace vox::data {

/// Voxel types of NIfTI files that are read and written.  Shards hold int16, uint16, int32, float32, float64 images.
enum class VoxelType { int8, uint8, int16, uint16, int32, uint32, int64, uint64, float32, float64 };

/// Bytes of one voxel.
size_t voxel_bytes(VoxelType type);
/// "int16", as numpy names it; `voxel_type` is the way back and throws DataError for another text.
std::string_view voxel_type_name(VoxelType type);
VoxelType voxel_type(std::string_view name);

}  // namespace vox::data
