// Types of voxels: from what a file has to what a shard stores, and back, without changing any value.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/case_data.hpp"
#include "data/voxel_dispatch.hpp"

namespace vox::data {
namespace {

using core::concat;
using core::DataError;

template <class T>
std::span<const T> as(std::span<const std::byte> voxels) {
    return {reinterpret_cast<const T*>(voxels.data()), voxels.size() / sizeof(T)};
}

/// True where `value` has an equal in `To`; checked before casting, which is undefined outside To's range.
template <class To, class From>
bool fits(From value) {
    if constexpr (std::is_floating_point_v<To>) {
        if constexpr (std::is_integral_v<From>) {
            constexpr auto kExact = uint64_t{1} << std::numeric_limits<To>::digits;
            if constexpr (std::numeric_limits<From>::digits <= std::numeric_limits<To>::digits) return true;
            const uint64_t size = value < 0 ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
            return size <= kExact;
        } else {
            return static_cast<From>(static_cast<To>(value)) == value;
        }
    } else if constexpr (std::is_integral_v<From>) {
        return std::in_range<To>(value);
    } else {
        // 2^digits is the first whole number too large, and a floating-point number.
        const double limit = std::ldexp(1.0, std::numeric_limits<To>::digits);
        const auto wide = static_cast<double>(value);
        const double lowest = std::is_signed_v<To> ? -limit : 0.0;
        return wide >= lowest && wide < limit && wide == std::floor(wide);
    }
}

/// The shard type that one channel's voxels need.  64-bit integers are judged by their values.
VoxelType stored_type_of(const NamedVolume& channel) {
    const NiftiImage& image = channel.image;
    switch (image.type) {
        case VoxelType::int8:
        case VoxelType::uint8:
        case VoxelType::int16: return VoxelType::int16;
        case VoxelType::uint32:
        case VoxelType::int64:
        case VoxelType::uint64:
            return with_voxel_type(image.type, [&]<class T>() {
                const auto values = as<T>(image.voxels);
                if (std::all_of(values.begin(), values.end(), [](T v) { return fits<int32_t>(v); }))
                    return VoxelType::int32;
                if (std::all_of(values.begin(), values.end(), [](T v) { return fits<double>(v); }))
                    return VoxelType::float64;
                throw DataError(concat("channel ", channel.name, ": ", voxel_type_name(image.type),
                                       " voxels beyond 2^53 cannot be stored without loss"));
            });
        default: return image.type;  // uint16, int32, float32, float64
    }
}

/// The smallest stored type that holds both.
VoxelType join(VoxelType a, VoxelType b) {
    if (a == b) return a;
    const auto either = [&](VoxelType type) { return a == type || b == type; };
    if (either(VoxelType::float64)) return VoxelType::float64;
    if (either(VoxelType::float32)) return either(VoxelType::int32) ? VoxelType::float64 : VoxelType::float32;
    return VoxelType::int32;  // int16 with uint16, or either with int32
}

}  // namespace

VoxelType common_type(const std::vector<NamedVolume>& channels) {
    core::check(!channels.empty(), "a case has at least one channel");
    VoxelType type = stored_type_of(channels.front());
    for (const auto& channel : channels) type = join(type, stored_type_of(channel));
    return type;
}

std::vector<std::byte> convert_voxels(std::span<const std::byte> voxels, VoxelType from, VoxelType to) {
    if (from == to) return {voxels.begin(), voxels.end()};
    std::vector<std::byte> out(voxels.size() / voxel_bytes(from) * voxel_bytes(to));
    with_voxel_type(from, [&]<class From>() {
        with_voxel_type(to, [&]<class To>() {
            auto* next = reinterpret_cast<To*>(out.data());
            for (const From value : as<From>(voxels)) {
                if (!fits<To>(value)) {
                    throw DataError(concat("voxel value ", +value, " cannot be stored as ", voxel_type_name(to)));
                }
                *next++ = static_cast<To>(value);
            }
        });
    });
    return out;
}

std::vector<uint8_t> label_values(const NiftiImage& label) {
    constexpr double kTolerance = 1e-3;  // 0.99999997 comes out of a slope, or of resampling
    std::vector<uint8_t> values(static_cast<size_t>(label.voxel_count()));
    with_voxel_type(label.type, [&]<class T>() {
        const auto stored = as<T>(label.voxels);
        for (size_t i = 0; i < values.size(); ++i) {
            const double value = static_cast<double>(stored[i]) * label.scl_slope + label.scl_inter;
            const double whole = std::round(value);
            if (!(std::abs(value - whole) <= kTolerance)) {
                throw DataError(concat("label value ", value, " is not a whole number (within ", kTolerance, ")"));
            }
            if (whole < 0 || whole > 255) throw DataError(concat("label value ", value, " is outside 0 to 255"));
            values[i] = static_cast<uint8_t>(whole);
        }
    });
    return values;
}

}  // namespace vox::data
