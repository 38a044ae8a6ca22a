#include "nn/transformer_block.hpp"

#include "core/error.hpp"

namespace vox::nn {

TransformerBlock::TransformerBlock(const Shape& shape, WeightSource& weights) {
    core::check(shape.self_attention || shape.context_channels > 0, "a transformer block that attends to nothing");
    const auto attention = [&](int64_t context_channels) {
        return std::make_shared<MultiHeadAttention>(MultiHeadAttention::Shape{.channels = shape.channels,
                                                                              .context_channels = context_channels,
                                                                              .heads = shape.heads,
                                                                              .dropout_prob = shape.dropout_prob},
                                                    weights);
    };
    const auto norm = [&] { return std::make_shared<LayerNorm>(shape.channels); };
    if (shape.self_attention) {
        self_norm_ = register_module("self_norm", norm());
        self_ = register_module("self", attention(shape.channels));
    }
    if (shape.context_channels > 0) {
        cross_norm_ = register_module("cross_norm", norm());
        cross_ = register_module("cross", attention(shape.context_channels));
    }
    mlp_norm_ = register_module("mlp_norm", norm());
    mlp_ =
        register_module("mlp", std::make_shared<Mlp>(shape.channels, 4 * shape.channels, shape.dropout_prob, weights));
}

at::Tensor TransformerBlock::forward(const at::Tensor& x, const at::Tensor& context, const Seen& seen) const {
    core::check(context.defined() == (cross_ != nullptr), "a transformer block and its context do not fit");
    at::Tensor y = x;
    if (self_) {
        const auto asked = self_norm_->forward(y);
        y = y + self_->forward(asked, asked, seen.self);
    }
    if (cross_) y = y + cross_->forward(cross_norm_->forward(y), context, seen.context);
    return y + mlp_->forward(mlp_norm_->forward(y));
}

}  // namespace vox::nn
