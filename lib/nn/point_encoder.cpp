#include "nn/point_encoder.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/meshgrid.h>
#include <ATen/ops/stack.h>

#include <numbers>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::nn {

FourierFeatures::FourierFeatures(int64_t channels, WeightSource& weights) {
    core::check(channels > 0 && channels % 2 == 0, core::concat("features of places in ", channels, " channels"));
    frequencies_ = register_buffer("frequencies", at::empty({3, channels / 2}));
    weights.fill_normal(frequencies_);
}

at::Tensor FourierFeatures::of_points(const at::Tensor& points) const {
    core::check(points.dim() > 0 && points.size(-1) == 3,
                core::concat("points are [", core::join(points.sizes()), "], expected [..., 3]"));
    // Not a matrix product: that would be in half precision under autocast, which knows a phase to a tenth of a turn.
    const auto centred = 2 * points.to(frequencies_.options()) - 1;
    const auto phases = 2 * std::numbers::pi * (centred.unsqueeze(-1) * frequencies_).sum(-2);
    return at::cat({phases.sin(), phases.cos()}, -1);
}

at::Tensor FourierFeatures::of_grid(const std::array<int64_t, 3>& size) const {
    std::vector<at::Tensor> axes;
    for (const int64_t n : size) axes.push_back((at::arange(n, frequencies_.options()) + 0.5) / n);
    return of_points(at::stack(at::meshgrid(axes, "ij"), -1).view({-1, 3}));
}

PointEncoder::PointEncoder(int64_t channels, WeightSource& weights) {
    kinds_ = register_parameter("kinds", at::empty({4, channels}));
    weights.fill_normal(kinds_);
}

at::Tensor PointEncoder::forward(const at::Tensor& points, const at::Tensor& kinds,
                                 const FourierFeatures& places) const {
    const bool fits = points.dim() == 3 && points.size(2) == 3 && kinds.dim() == 2 &&
                      points.sizes().slice(0, 2) == kinds.sizes() && kinds.scalar_type() == at::kLong;
    core::check(fits,
                core::concat("points are [", core::join(points.sizes()), "], their kinds [", core::join(kinds.sizes()),
                             "] of ", at::toString(kinds.scalar_type()), ", expected [B, P, 3] and [B, P] of int64"));
    return places.of_points(points) + at::embedding(kinds_, kinds.clamp_min(0));
}

}  // namespace vox::nn
