#include "nn/vit_block.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/silu.h>

namespace vox::nn {
namespace {

at::Tensor scaled_norm(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift) {
    return at::addcmul(shift, at::layer_norm(x, {x.size(2)}), 1 + scale);
}

}  // namespace

VitBlock::VitBlock(const Shape& shape, WeightSource& weights) {
    const int64_t channels = shape.channels;
    const MultiHeadAttention::Shape to_itself{
        .channels = channels, .context_channels = channels, .heads = shape.heads, .dropout_prob = shape.dropout_prob};
    auto to_context = to_itself;
    to_context.context_channels = shape.context_channels;
    modulation_ =
        register_module("modulation", std::make_shared<Linear>(shape.condition_channels, 6 * channels, weights));
    self_ = register_module("self", std::make_shared<MultiHeadAttention>(to_itself, weights));
    cross_norm_ = register_module("cross_norm", std::make_shared<LayerNorm>(channels));
    cross_ = register_module("cross", std::make_shared<MultiHeadAttention>(to_context, weights));
    mlp_ = register_module("mlp", std::make_shared<Mlp>(channels, 4 * channels, shape.dropout_prob, weights));
    cross_->zero_output();
    const at::NoGradGuard no_grad;
    for (const auto& parameter : modulation_->parameters()) parameter.zero_();
}

at::Tensor VitBlock::forward(const at::Tensor& x, const at::Tensor& context, const at::Tensor& condition) const {
    const auto six = modulation_->forward(at::silu(condition)).unsqueeze(1).chunk(6, 2);  // each [B,1,channels]
    const auto asked = scaled_norm(x, six[0], six[1]);
    auto y = x + six[2] * self_->forward(asked, asked);
    y = y + cross_->forward(cross_norm_->forward(y), context);
    return y + six[5] * mlp_->forward(scaled_norm(y, six[3], six[4]));
}

}  // namespace vox::nn
