#include "data/voxel_type.hpp"

#include <array>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::data {
namespace {

struct TypeFacts {
    VoxelType type;
    size_t bytes;
    std::string_view name;
};

constexpr std::array<TypeFacts, 10> all_types{{
    {VoxelType::int8, 1, "int8"},
    {VoxelType::uint8, 1, "uint8"},
    {VoxelType::int16, 2, "int16"},
    {VoxelType::uint16, 2, "uint16"},
    {VoxelType::int32, 4, "int32"},
    {VoxelType::uint32, 4, "uint32"},
    {VoxelType::int64, 8, "int64"},
    {VoxelType::uint64, 8, "uint64"},
    {VoxelType::float32, 4, "float32"},
    {VoxelType::float64, 8, "float64"},
}};

const TypeFacts& facts(VoxelType type) {
    for (const auto& entry : all_types) {
        if (entry.type == type) return entry;
    }
    throw core::InternalError(core::concat("voxel type ", static_cast<int>(type), " is not in the table"));
}

}  // namespace

size_t voxel_bytes(VoxelType type) { return facts(type).bytes; }

std::string_view voxel_type_name(VoxelType type) { return facts(type).name; }

VoxelType voxel_type(std::string_view name) {
    for (const auto& entry : all_types) {
        if (entry.name == name) return entry.type;
    }
    throw core::DataError(core::concat("'", name, "' is no voxel type; known are int8 to uint64, float32 and float64"));
}

}  // namespace vox::data
