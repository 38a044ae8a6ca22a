#pragma once
// From a VoxelType at run time to a C++ type at compile time.

#include <cstdint>

#include "core/error.hpp"
#include "data/voxel_type.hpp"

namespace vox::data {

/// Calls `work.template operator()<T>()` with the C++ type of `type`.
template <class Work>
decltype(auto) with_voxel_type(VoxelType type, Work&& work) {
    switch (type) {
        case VoxelType::int8: return work.template operator()<int8_t>();
        case VoxelType::uint8: return work.template operator()<uint8_t>();
        case VoxelType::int16: return work.template operator()<int16_t>();
        case VoxelType::uint16: return work.template operator()<uint16_t>();
        case VoxelType::int32: return work.template operator()<int32_t>();
        case VoxelType::uint32: return work.template operator()<uint32_t>();
        case VoxelType::int64: return work.template operator()<int64_t>();
        case VoxelType::uint64: return work.template operator()<uint64_t>();
        case VoxelType::float32: return work.template operator()<float>();
        case VoxelType::float64: return work.template operator()<double>();
    }
    throw core::InternalError("voxel type out of range");
}

/// The same for the types that a shard stores: fewer loops to compile.
template <class Work>
decltype(auto) with_stored_type(VoxelType type, Work&& work) {
    switch (type) {
        case VoxelType::uint8: return work.template operator()<uint8_t>();
        case VoxelType::int16: return work.template operator()<int16_t>();
        case VoxelType::uint16: return work.template operator()<uint16_t>();
        case VoxelType::int32: return work.template operator()<int32_t>();
        case VoxelType::float32: return work.template operator()<float>();
        case VoxelType::float64: return work.template operator()<double>();
        default: throw core::InternalError("a voxel type that no shard stores");
    }
}

}  // namespace vox::data
