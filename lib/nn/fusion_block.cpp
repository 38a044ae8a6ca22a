#include "nn/fusion_block.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/upsample_trilinear3d.h>

namespace vox::nn {

FusionBlock::FusionBlock(const Shape& shape, WeightSource& weights) {
    const int64_t channels = shape.channels;
    const auto convolution = [&](int64_t in, int64_t kernel, bool bias) {
        return std::make_shared<Conv3d>(
            Conv3d::Shape{.in_channels = in, .out_channels = channels, .kernel = kernel, .bias = bias}, weights);
    };
    reduce_ = register_module("reduce", convolution(shape.in_channels, 1, true));
    conv1_ = register_module("conv1", convolution(2 * channels, 3, false));
    norm_ = register_module("norm", make_norm("group", channels, 8, nullptr));
    modulation_ =
        register_module("modulation", std::make_shared<Linear>(shape.condition_channels, 2 * channels, weights));
    conv2_ = register_module("conv2", convolution(channels, 3, true));
    shortcut_ = register_module("shortcut", convolution(2 * channels, 1, false));
    const at::NoGradGuard no_grad;
    for (const auto& parameter : modulation_->parameters()) parameter.zero_();
}

at::Tensor FusionBlock::forward(const at::Tensor& x, const at::Tensor& skip, const at::Tensor& condition) const {
    const auto y = at::cat(
        {at::upsample_trilinear3d(reduce_->forward(x), skip.sizes().slice(2), /*align_corners=*/false), skip}, 1);
    // First, so that backward comes to it last, when nothing but the joined values is left: its gradient is as large as these.
    const auto past = shortcut_->forward(y);
    const auto two = modulation_->forward(at::silu(condition)).view({x.size(0), 2 * skip.size(1), 1, 1, 1}).chunk(2, 1);
    const auto z = at::silu(at::addcmul(two[1], norm_->forward(conv1_->forward(y)), 1 + two[0]));
    return conv2_->forward(z).add_(past);
}

}  // namespace vox::nn
