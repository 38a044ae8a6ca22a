#include "data/orientation.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::data {
namespace {

/// Where the RAS voxel (0,0,0) lies in the source and how far one step along each RAS axis leads there, in voxels.
struct Walk {
    int64_t start = 0;
    core::Index3 step{};
    core::Index3 size{};
};

Walk walk(const core::Index3& source_size, const Orientation& orientation) {
    const core::Index3 strides{1, source_size[0], source_size[0] * source_size[1]};
    Walk result;
    result.size = oriented_size(source_size, orientation);
    for (size_t axis = 0; axis < 3; ++axis) {
        const int64_t stride = strides[static_cast<size_t>(orientation.axis[axis])];
        result.step[axis] = orientation.flip[axis] ? -stride : stride;
        if (orientation.flip[axis]) result.start += stride * (result.size[axis] - 1);
    }
    return result;
}

/// Calls move(ras index, source index) for every voxel, in RAS order.
template <class Move>
void for_each_voxel(const Walk& way, const Move& move) {
    int64_t ras = 0;
    for (int64_t s = 0; s < way.size[2]; ++s) {
        for (int64_t a = 0; a < way.size[1]; ++a) {
            int64_t source = way.start + s * way.step[2] + a * way.step[1];
            for (int64_t r = 0; r < way.size[0]; ++r, source += way.step[0]) move(ras++, source);
        }
    }
}

/// Copies with the voxel's width known to the compiler.  `gather`: out is the RAS grid, else the source grid.
template <class Voxel>
void copy_voxels(const std::byte* in, std::byte* out, const Walk& way, bool gather) {
    const auto* from = reinterpret_cast<const Voxel*>(in);
    auto* to = reinterpret_cast<Voxel*>(out);
    if (gather) {
        for_each_voxel(way, [&](int64_t ras, int64_t source) { to[ras] = from[source]; });
    } else {
        for_each_voxel(way, [&](int64_t ras, int64_t source) { to[source] = from[ras]; });
    }
}

std::vector<std::byte> reordered(std::span<const std::byte> voxels, const core::Index3& source_size,
                                 size_t bytes_per_voxel, const Orientation& orientation, bool gather) {
    const auto count = static_cast<size_t>(source_size[0] * source_size[1] * source_size[2]);
    core::check(voxels.size() == count * bytes_per_voxel, "a volume's bytes do not fit its size");
    std::vector<std::byte> out(voxels.size());
    const Walk way = walk(source_size, orientation);
    switch (bytes_per_voxel) {
        case 1: copy_voxels<uint8_t>(voxels.data(), out.data(), way, gather); break;
        case 2: copy_voxels<uint16_t>(voxels.data(), out.data(), way, gather); break;
        case 4: copy_voxels<uint32_t>(voxels.data(), out.data(), way, gather); break;
        case 8: copy_voxels<uint64_t>(voxels.data(), out.data(), way, gather); break;
        default: throw core::InternalError(core::concat("no voxel type has ", bytes_per_voxel, " bytes"));
    }
    return out;
}

}  // namespace

Orientation orientation_of(const core::Affine& affine) {
    if (core::is_singular(affine)) throw core::DataError("an affine is singular: voxels have no place in space");
    std::array<core::Double3, 3> cosine{};  // [patient axis][source axis]
    for (size_t column = 0; column < 3; ++column) {
        const double length = core::column_length(affine, column);
        for (size_t row = 0; row < 3; ++row) cosine[row][column] = affine[row][column] / length;
    }
    Orientation best;
    double best_sum = -1;
    std::array<int, 3> axis{0, 1, 2};
    do {
        double sum = 0;
        for (size_t a = 0; a < 3; ++a) sum += std::abs(cosine[a][static_cast<size_t>(axis[a])]);
        if (sum > best_sum + 1e-9) {  // a tie keeps the order that moves less
            best_sum = sum;
            best.axis = axis;
        }
    } while (std::next_permutation(axis.begin(), axis.end()));
    for (size_t a = 0; a < 3; ++a) best.flip[a] = cosine[a][static_cast<size_t>(best.axis[a])] < 0;
    return best;
}

std::string orientation_code(const core::Affine& affine) {
    const Orientation orientation = orientation_of(affine);
    std::string code(3, '?');
    for (size_t a = 0; a < 3; ++a)
        code[static_cast<size_t>(orientation.axis[a])] = (orientation.flip[a] ? "LPI" : "RAS")[a];
    return code;
}

core::Index3 oriented_size(const core::Index3& source_size, const Orientation& orientation) {
    core::Index3 size{};
    for (size_t a = 0; a < 3; ++a) size[a] = source_size[static_cast<size_t>(orientation.axis[a])];
    return size;
}

core::Affine oriented_affine(const core::Affine& affine, const core::Index3& source_size,
                             const Orientation& orientation) {
    core::Affine result = affine;
    for (size_t row = 0; row < 3; ++row) {
        for (size_t a = 0; a < 3; ++a) {
            const auto source = static_cast<size_t>(orientation.axis[a]);
            const double step = affine[row][source];
            result[row][a] = orientation.flip[a] ? -step : step;
            if (orientation.flip[a]) result[row][3] += step * static_cast<double>(source_size[source] - 1);
        }
    }
    return result;
}

std::vector<std::byte> to_ras(std::span<const std::byte> voxels, const core::Index3& source_size,
                              size_t bytes_per_voxel, const Orientation& orientation) {
    return reordered(voxels, source_size, bytes_per_voxel, orientation, true);
}

std::vector<std::byte> from_ras(std::span<const std::byte> voxels, const core::Index3& source_size,
                                size_t bytes_per_voxel, const Orientation& orientation) {
    return reordered(voxels, source_size, bytes_per_voxel, orientation, false);
}

core::Double3 spacing_dhw(const core::Affine& ras_affine) {
    return {core::column_length(ras_affine, 2), core::column_length(ras_affine, 1), core::column_length(ras_affine, 0)};
}

}  // namespace vox::data
