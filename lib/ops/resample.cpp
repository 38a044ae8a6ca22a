#include "ops/resample.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::ops {
namespace {

constexpr double at_centre = 1e-6;           // voxels
constexpr int64_t voxels_at_once = 1 << 21;  // of the output: bounds what coordinates and corners take

core::Affine inverse(const core::Affine& m) {
    core::check(!core::is_singular(m), "a voxel grid has a singular affine");
    const double whole = core::determinant(m);
    core::Affine out{};
    for (size_t row = 0; row < 3; ++row) {
        for (size_t column = 0; column < 3; ++column) {
            // Cofactors with cyclic indices carry their sign.
            const size_t r1 = (column + 1) % 3, r2 = (column + 2) % 3, c1 = (row + 1) % 3, c2 = (row + 2) % 3;
            out[row][column] = (m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]) / whole;
        }
        for (size_t k = 0; k < 3; ++k) out[row][3] -= out[row][k] * m[k][3];
    }
    out[3] = {0, 0, 0, 1};
    return out;
}

core::Double3 moved_by(const core::Affine& m, const core::Double3& p) {
    core::Double3 out{};
    for (size_t row = 0; row < 3; ++row) out[row] = m[row][0] * p[0] + m[row][1] * p[1] + m[row][2] * p[2] + m[row][3];
    return out;
}

/// One axis of the source, seen from a slab of the output; every tensor broadcasts to [d,h,w].
struct AxisSamples {
    at::Tensor below, above;  // int64 voxel indices along the axis
    at::Tensor share;         // float64 weight of `above`; undefined where it is 0 everywhere
};

/// Source coordinates along `axis` of the output slices [first, first + slices).  Output axes that do not move along the
/// source axis leave no dimension: for grids with parallel axes this is a handful of numbers, not a volume of them.
at::Tensor coordinates(const core::Affine& map, size_t axis, const core::Index3& size, int64_t first, int64_t slices,
                       at::Device device) {
    const auto options = at::TensorOptions(at::kDouble).device(device);
    auto sum = at::zeros({1, 1, 1}, options) + map[axis][3];
    for (size_t out = 0; out < 3; ++out) {
        const double step = map[axis][out];
        if (std::abs(step) * static_cast<double>(size[out]) < at_centre / 10) continue;
        const bool slab_axis = out == 2;
        const auto index = at::arange(slab_axis ? first : 0, slab_axis ? first + slices : size[out], options);
        std::array<int64_t, 3> shape{1, 1, 1};
        shape[2 - out] = index.numel();
        sum = sum + step * index.view(shape);
    }
    const auto centre = sum.round();
    return at::where((sum - centre).abs() < at_centre, centre, sum);
}

AxisSamples samples(const at::Tensor& coordinate, int64_t length, Interpolation interpolation) {
    if (interpolation == Interpolation::nearest) {
        // A tie within rounding goes to the smaller index on every machine.
        const auto index = (coordinate + (0.5 - at_centre)).floor().clamp(0, length - 1).to(at::kLong);
        return {index, index, {}};
    }
    const auto inside = coordinate.clamp(0, static_cast<double>(length - 1));
    const auto below = inside.floor();
    const auto share = inside - below;
    const auto above = (below + 1).clamp_max(length - 1).to(at::kLong);
    const bool between = (share > 0).any().item<bool>();
    return {below.to(at::kLong), above, between ? share : at::Tensor()};
}

/// [C,d,h,w] float64: the weighted sum over the corners that have a weight.
at::Tensor blend(const at::Tensor& flat, const std::array<AxisSamples, 3>& axes, const core::Index3& from_size,
                 at::IntArrayRef slab) {
    const auto pick = [&](const AxisSamples& axis, bool above) { return above ? axis.above : axis.below; };
    at::Tensor sum;
    for (unsigned corner = 0; corner < 8; ++corner) {
        at::Tensor index, weight;
        bool counts = true;
        for (size_t a = 3; a-- > 0;) {
            const bool above = (corner >> a & 1U) != 0;
            if (!axes[a].share.defined() && above) counts = false;
            if (!counts) break;
            const auto part = pick(axes[a], above);
            index = index.defined() ? index * from_size[a] + part : part;
            if (!axes[a].share.defined()) continue;
            const auto share = above ? axes[a].share : 1 - axes[a].share;
            weight = weight.defined() ? weight * share : share;
        }
        if (!counts) continue;
        auto values =
            flat.index_select(1, index.expand(slab).reshape(-1)).view({flat.size(0), slab[0], slab[1], slab[2]});
        if (weight.defined()) values = values.to(at::kDouble) * weight;
        sum = sum.defined() ? sum + values : values;
    }
    return sum;
}

}  // namespace

VoxelGrid with_spacing(const VoxelGrid& grid, const core::Double3& spacing_mm) {
    VoxelGrid out = grid;
    for (size_t axis = 0; axis < 3; ++axis) {
        core::check(spacing_mm[axis] > 0, core::concat("a spacing of ", spacing_mm[axis], " mm"));
        const double ratio = core::column_length(grid.affine, axis) / spacing_mm[axis];
        out.size[axis] = std::lround(static_cast<double>(grid.size[axis] - 1) * ratio) + 1;
        for (size_t row = 0; row < 3; ++row) out.affine[row][axis] = grid.affine[row][axis] / ratio;
    }
    return out;
}

core::Affine voxel_map(const VoxelGrid& from, const VoxelGrid& to) {
    const core::Affine back = inverse(from.affine);
    core::Affine out{};
    for (size_t row = 0; row < 4; ++row) {
        for (size_t column = 0; column < 4; ++column) {
            for (size_t k = 0; k < 4; ++k) out[row][column] += back[row][k] * to.affine[k][column];
        }
    }
    return out;
}

double corner_distance_mm(const VoxelGrid& a, const VoxelGrid& b) {
    double worst = 0;
    for (unsigned corner = 0; corner < 8; ++corner) {
        core::Double3 at{};
        for (size_t axis = 0; axis < 3; ++axis) {
            at[axis] = (corner >> axis & 1U) != 0 ? static_cast<double>(a.size[axis] - 1) : 0.0;
        }
        const core::Double3 p = moved_by(a.affine, at), q = moved_by(b.affine, at);
        worst = std::max(worst, std::hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]));
    }
    return worst;
}

bool holds_centre(const VoxelGrid& outer, const VoxelGrid& inner) {
    core::Double3 centre{};
    for (size_t axis = 0; axis < 3; ++axis) centre[axis] = 0.5 * static_cast<double>(inner.size[axis] - 1);
    const core::Double3 at = moved_by(voxel_map(outer, inner), centre);
    for (size_t axis = 0; axis < 3; ++axis) {
        if (!(at[axis] >= -0.5 && at[axis] <= static_cast<double>(outer.size[axis]) - 0.5)) return false;
    }
    return true;
}

at::Tensor resample(const at::Tensor& volume, const VoxelGrid& from, const VoxelGrid& to, Interpolation interpolation) {
    const std::array<int64_t, 3> from_dhw{from.size[2], from.size[1], from.size[0]};
    core::check(volume.dim() == 4 && volume.sizes().slice(1) == at::IntArrayRef(from_dhw),
                "resample: the volume is not [C,D,H,W] on its grid");
    core::check(interpolation == Interpolation::nearest || volume.is_floating_point(),
                "resample: linear takes floating-point voxels");
    core::check(*std::min_element(to.size.begin(), to.size.end()) > 0, "resample: the target grid has no voxels");
    const core::Affine map = voxel_map(from, to);
    const auto flat = volume.contiguous().view({volume.size(0), from.size[0] * from.size[1] * from.size[2]});
    const auto out = at::empty({volume.size(0), to.size[2], to.size[1], to.size[0]}, volume.options());
    const int64_t slices = std::max<int64_t>(1, voxels_at_once / (to.size[1] * to.size[0]));
    for (int64_t first = 0; first < to.size[2]; first += slices) {
        const int64_t count = std::min(slices, to.size[2] - first);
        std::array<AxisSamples, 3> axes;
        for (size_t axis = 0; axis < 3; ++axis) {
            axes[axis] =
                samples(coordinates(map, axis, to.size, first, count, volume.device()), from.size[axis], interpolation);
        }
        const std::array<int64_t, 3> slab{count, to.size[1], to.size[0]};
        out.narrow(1, first, count).copy_(blend(flat, axes, from.size, slab));
    }
    return out;
}

}  // namespace vox::ops
