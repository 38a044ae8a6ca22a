#include "nn/position_head.hpp"

#include <ATen/ops/empty.h>

namespace vox::nn {

PositionHead::PositionHead(int64_t channels, int64_t heads, int64_t classes, WeightSource& weights) {
    query_ = register_parameter("query", at::empty({1, 1, channels}));
    weights.fill_normal(query_);
    attention_ = register_module(
        "attention",
        std::make_shared<MultiHeadAttention>(
            MultiHeadAttention::Shape{.channels = channels, .context_channels = channels, .heads = heads}, weights));
    norm_ = register_module("norm", std::make_shared<LayerNorm>(channels));
    classes_ = register_module("classes", std::make_shared<Linear>(channels, classes, weights));
}

at::Tensor PositionHead::forward(const at::Tensor& tokens) const {
    const auto query = query_.expand({tokens.size(0), 1, query_.size(2)});
    return classes_->forward(norm_->forward(query + attention_->forward(query, tokens))).squeeze(1);
}

}  // namespace vox::nn
