#include "data/spatial_grid.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/add.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/grid_sampler.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.hpp"

namespace vox::data {
namespace {

constexpr int64_t linear = 0, nearest = 1;  // at::grid_sampler's names for them

int64_t padding_mode(Padding padding) { return padding == Padding::zeros ? 0 : 1; }

core::Affine rotation(size_t axis, double angle) {
    core::Affine out = identity();
    const size_t a = (axis + 1) % 3, b = (axis + 2) % 3;
    out[a][a] = out[b][b] = std::cos(angle);
    out[b][a] = std::sin(angle);
    out[a][b] = -out[b][a];
    return out;
}

core::Affine shear(const std::array<double, 6>& coefficients) {
    core::Affine out = identity();
    size_t next = 0;
    for (size_t row = 0; row < 3; ++row) {
        for (size_t column = 0; column < 3; ++column) {
            if (row == column) continue;
            core::Affine one = identity();
            one[row][column] = coefficients[next++];
            out = one * out;
        }
    }
    return out;
}

/// The weight of a voxel `shift` away: the Gaussian's integral over that voxel.
double gaussian_weight(double sigma, int64_t shift) {
    const double scale = std::sqrt(0.5) / sigma, centre = static_cast<double>(shift);
    return 0.5 * (std::erf(scale * (centre + 0.5)) - std::erf(scale * (centre - 0.5)));
}

/// A sum of shifted copies: its order is fixed, which that of a library's convolution is not.
at::Tensor smoothed(const at::Tensor& volume, int64_t axis, double sigma) {
    const int64_t length = volume.size(axis);
    const int64_t reach = std::lround(std::max(3 * sigma, 0.5));
    at::Tensor out = volume.mul(gaussian_weight(sigma, 0));
    for (int64_t shift = 1; shift <= std::min(reach, length - 1); ++shift) {
        const double weight = gaussian_weight(sigma, shift);
        const int64_t overlap = length - shift;
        out.narrow(axis, 0, overlap).add_(volume.narrow(axis, shift, overlap), weight);
        out.narrow(axis, shift, overlap).add_(volume.narrow(axis, 0, overlap), weight);
    }
    return out;
}

/// Voxels of one axis of the crop, counted from its centre, as a tensor that broadcasts to [D,H,W].
at::Tensor from_centre(const core::Index3& crop, size_t axis, const at::TensorOptions& options) {
    std::array<int64_t, 3> shape{1, 1, 1};
    shape[axis] = crop[axis];
    return at::arange(crop[axis], options).sub_(0.5 * static_cast<double>(crop[axis] - 1)).view(shape);
}

/// out [D,H,W]: grid_sampler's coordinate (-1 .. 1 from edge to edge) of the source's `axis`, of which there are `length` voxels.
void fill_coordinate(at::Tensor out, const Movement& movement, size_t axis, int64_t length,
                     const std::array<at::Tensor, 3>& voxels) {
    const double unit = 2.0 / static_cast<double>(length);
    const auto& row = movement.matrix[axis];
    at::add_out(out, voxels[0].mul(row[0] * unit).add_(row[3] * unit) + voxels[1].mul(row[1] * unit),
                voxels[2].mul(row[2] * unit));
    if (!movement.offsets.defined()) return;
    for (size_t k = 0; k < 3; ++k) out.add_(movement.offsets[static_cast<int64_t>(k)], row[k] * unit);
}

}  // namespace

core::Affine identity() {
    core::Affine out{};
    for (size_t i = 0; i < 4; ++i) out[i][i] = 1;
    return out;
}

core::Affine operator*(const core::Affine& a, const core::Affine& b) {
    core::Affine out{};
    for (size_t row = 0; row < 4; ++row) {
        for (size_t column = 0; column < 4; ++column) {
            for (size_t k = 0; k < 4; ++k) out[row][column] += a[row][k] * b[k][column];
        }
    }
    return out;
}

core::Affine affine_matrix(const AffineParameters& parameters) {
    core::Affine out = identity();
    for (size_t axis = 0; axis < 3; ++axis) out = out * rotation(axis, parameters.rotate[axis]);
    core::Affine translation = identity(), scaling = identity();
    for (size_t axis = 0; axis < 3; ++axis) {
        translation[axis][3] = parameters.translate[axis];
        scaling[axis][axis] = parameters.scale[axis];
    }
    return out * shear(parameters.shear) * translation * scaling;
}

at::Tensor elastic_offsets(const at::Tensor& noise, double sigma, double magnitude) {
    core::check(noise.dim() == 4 && noise.size(0) == 3, "elastic_offsets: the noise is not [3,D,H,W]");
    at::Tensor out = noise;
    for (int64_t axis = 1; axis <= 3; ++axis) out = smoothed(out, axis, sigma);
    return out.mul_(magnitude);
}

at::Tensor sampling_grid(std::span<const Movement> movements, const core::Index3& crop, const core::Index3& source,
                         Padding padding, const at::TensorOptions& options) {
    std::array<at::Tensor, 3> voxels;
    for (size_t axis = 0; axis < 3; ++axis) voxels[axis] = from_centre(crop, axis, options);
    const auto items = static_cast<int64_t>(movements.size());
    // Each coordinate lies in a volume of its own, so that filling it is a run over memory.
    const at::Tensor grid = at::empty({items, 3, crop[0], crop[1], crop[2]}, options);
    for (int64_t item = 0; item < items; ++item) {
        const Movement& movement = movements[static_cast<size_t>(item)];
        for (size_t axis = 0; axis < 3; ++axis) {
            const at::Tensor out = grid.select(0, item).select(0, static_cast<int64_t>(2 - axis));
            fill_coordinate(out, movement, axis, source[axis], voxels);
            if (padding == Padding::zeros) continue;
            const auto centre_of = [&](int64_t voxel) {
                return static_cast<double>(2 * voxel + 1) / static_cast<double>(source[axis]) - 1;
            };
            const int64_t first = movement.inside.start[axis], last = first + movement.inside.size[axis] - 1;
            out.clamp_(centre_of(first), centre_of(last));
        }
    }
    return grid.permute({0, 2, 3, 4, 1});
}

at::Tensor sample_linear(const at::Tensor& image, const at::Tensor& grid, Padding padding) {
    return at::grid_sampler(image, grid, linear, padding_mode(padding), false);
}

at::Tensor sample_nearest(const at::Tensor& label, const at::Tensor& grid, Padding padding) {
    // Values up to 255 are exact in every floating type of a grid, and `nearest` only copies them.
    const at::Tensor values = label.unsqueeze(1).to(grid.scalar_type());
    return at::grid_sampler(values, grid, nearest, padding_mode(padding), false).squeeze(1).to(label.scalar_type());
}

}  // namespace vox::data
