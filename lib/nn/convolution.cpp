#include "nn/convolution.hpp"

#include <ATen/ops/conv3d.h>
#include <ATen/ops/empty.h>

#include <cmath>
#include <memory>
#include <optional>

#include "ops/random_tensor.hpp"

namespace vox::nn {

void WeightSource::fill(const at::Tensor& tensor, int64_t fan_in) {
    const double bound = 1.0 / std::sqrt(static_cast<double>(fan_in));
    ops::fill_uniform(tensor, key_, ops::Purpose::initial_weights, next_layer_++, -bound, bound);
}

Convolution::Convolution(const Shape& shape, WeightSource& weights)
    : stride_(shape.stride), padding_(shape.kernel / 2) {
    auto conv = register_module("conv", std::make_shared<torch::nn::Module>());
    const int64_t k = shape.kernel;
    const int64_t fan_in = shape.in_channels * k * k * k;
    weight_ = conv->register_parameter("weight", at::empty({shape.out_channels, shape.in_channels, k, k, k}));
    weights.fill(weight_, fan_in);
    if (!shape.bias) return;
    bias_ = conv->register_parameter("bias", at::empty({shape.out_channels}));
    weights.fill(bias_, fan_in);
}

at::Tensor Convolution::forward(const at::Tensor& x) const {
    const auto bias = bias_.defined() ? std::optional<at::Tensor>(bias_) : std::nullopt;
    return at::conv3d(x, weight_, bias, {stride_, stride_, stride_}, {padding_, padding_, padding_});
}

}  // namespace vox::nn
