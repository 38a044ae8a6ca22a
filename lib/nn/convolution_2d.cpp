#include "nn/convolution_2d.hpp"

#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>

#include <array>
#include <optional>

namespace vox::nn {

Conv2d::Conv2d(const Shape& shape, WeightSource& weights) : shape_(shape) {
    const int64_t k = shape.kernel, fan_in = shape.in_channels * k * k;
    weight_ = register_parameter("weight", at::empty({shape.out_channels, shape.in_channels, k, k}));
    weights.fill(weight_, fan_in);
    if (!shape.bias) return;
    bias_ = register_parameter("bias", at::empty({shape.out_channels}));
    weights.fill(bias_, fan_in);
}

at::Tensor Conv2d::forward(const at::Tensor& x) const {
    const auto bias = bias_.defined() ? std::optional<at::Tensor>(bias_) : std::nullopt;
    const std::array strides{shape_.stride, shape_.stride}, paddings{shape_.kernel / 2, shape_.kernel / 2};
    return at::conv2d(x, weight_, bias, strides, paddings);
}

}  // namespace vox::nn
