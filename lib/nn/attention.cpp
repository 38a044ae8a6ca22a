#include "nn/attention.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/zeros.h>

#include <optional>

namespace vox::nn {

MultiHeadAttention::MultiHeadAttention(const Shape& shape, WeightSource& weights) : heads_(shape.heads) {
    const auto linear = [&](int64_t in) { return std::make_shared<Linear>(in, shape.channels, weights); };
    q_ = register_module("q", linear(shape.channels));
    k_ = register_module("k", linear(shape.context_channels));
    v_ = register_module("v", linear(shape.context_channels));
    out_ = register_module("out", linear(shape.channels));
    dropout_ = register_module("dropout", std::make_shared<Dropout>(shape.dropout_prob, DropoutKind::element));
}

at::Tensor MultiHeadAttention::forward(const at::Tensor& x, const at::Tensor& context, const at::Tensor& seen) const {
    // [B,N,C] -> [B,heads,N,C/heads]
    const auto split = [&](const at::Tensor& tokens) {
        const int64_t channels = tokens.size(2) / heads_;
        return tokens.reshape({tokens.size(0), tokens.size(1), heads_, channels}).transpose(1, 2);
    };
    const auto mask = seen.defined() ? std::optional<at::Tensor>(seen) : std::nullopt;
    const auto answer = at::scaled_dot_product_attention(split(q_->forward(x)), split(k_->forward(context)),
                                                         split(v_->forward(context)), mask);
    return dropout_->forward(out_->forward(answer.transpose(1, 2).flatten(2)));
}

void MultiHeadAttention::zero_output() {
    const at::NoGradGuard no_grad;
    for (const auto& parameter : out_->parameters()) parameter.zero_();
}

Mlp::Mlp(int64_t channels, int64_t hidden_channels, double dropout_prob, WeightSource& weights) {
    linear1_ = register_module("linear1", std::make_shared<Linear>(channels, hidden_channels, weights));
    linear2_ = register_module("linear2", std::make_shared<Linear>(hidden_channels, channels, weights));
    drop1_ = register_module("drop1", std::make_shared<Dropout>(dropout_prob, DropoutKind::element));
    drop2_ = register_module("drop2", std::make_shared<Dropout>(dropout_prob, DropoutKind::element));
}

at::Tensor Mlp::forward(const at::Tensor& x) const {
    return drop2_->forward(linear2_->forward(drop1_->forward(at::gelu(linear1_->forward(x)))));
}

LayerNorm::LayerNorm(int64_t channels) {
    weight_ = register_parameter("weight", at::ones({channels}));
    bias_ = register_parameter("bias", at::zeros({channels}));
}

at::Tensor LayerNorm::forward(const at::Tensor& x) const {
    return at::layer_norm(x, {weight_.size(0)}, weight_, bias_);
}

}  // namespace vox::nn
