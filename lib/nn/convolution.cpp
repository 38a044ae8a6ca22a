#include "nn/convolution.hpp"

#include <ATen/ops/conv3d.h>
#include <ATen/ops/conv_transpose3d.h>
#include <ATen/ops/empty.h>

#include <array>
#include <cmath>
#include <memory>
#include <optional>

#include "ops/random_tensor.hpp"

namespace vox::nn {

void WeightSource::fill(const at::Tensor& tensor, int64_t fan_in) {
    const double bound = 1.0 / std::sqrt(static_cast<double>(fan_in));
    ops::fill_uniform(tensor, key_, ops::Purpose::initial_weights, next_layer_++, -bound, bound);
}

void WeightSource::fill_normal(const at::Tensor& tensor) {
    ops::fill_normal(tensor, key_, ops::Purpose::initial_weights, next_layer_++, 0.0, 1.0);
}

void WeightSource::fill_for_relu(const at::Tensor& tensor, int64_t fan_out) {
    const double deviation = std::sqrt(2.0 / static_cast<double>(fan_out));
    ops::fill_normal(tensor, key_, ops::Purpose::initial_weights, next_layer_++, 0.0, deviation);
}

Conv3d::Conv3d(const Shape& shape, WeightSource& weights) : shape_(shape) {
    const int64_t first = shape.transposed ? shape.in_channels : shape.out_channels;
    const int64_t second = shape.transposed ? shape.out_channels : shape.in_channels;
    const int64_t k = shape.kernel, deep = shape.flat ? 1 : k;
    const int64_t fan_in = second * deep * k * k;
    weight_ = register_parameter("weight", at::empty({first, second, deep, k, k}));
    if (shape.init_for_relu) {
        weights.fill_for_relu(weight_, first * deep * k * k);
    } else {
        weights.fill(weight_, fan_in);
    }
    if (!shape.bias) return;
    bias_ = register_parameter("bias", at::empty({shape.out_channels}));
    weights.fill(bias_, fan_in);
}

at::Tensor Conv3d::forward(const at::Tensor& x) const {
    const auto bias = bias_.defined() ? std::optional<at::Tensor>(bias_) : std::nullopt;
    const int64_t stride = shape_.stride, padding = shape_.kernel / 2;
    const std::array strides{shape_.flat ? 1 : stride, stride, stride};
    const std::array paddings{shape_.flat ? 0 : padding, padding, padding};
    if (!shape_.transposed) return at::conv3d(x, weight_, bias, strides, paddings);
    // A strided convolution has the same output for several input sizes; of those this takes the largest: stride times as many.
    const int64_t more = stride - 1;
    return at::conv_transpose3d(x, weight_, bias, strides, paddings, {shape_.flat ? 0 : more, more, more});
}

Convolution::Convolution(const Shape& shape, WeightSource& weights)
    : conv_(register_module("conv", std::make_shared<Conv3d>(shape, weights))) {}

}  // namespace vox::nn
