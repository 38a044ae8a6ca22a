#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>

#include "nn/attention.hpp"

namespace vox::nn {

/// A transformer block that normalises before it acts (Xiong et al., "On layer normalization in the transformer architecture", 2020):
///   x + self(self_norm(x)),  x + cross(cross_norm(x), context),  x + mlp(mlp_norm(x))
/// the first or the second of which may be missing.  With the first alone it is torch.nn.TransformerEncoderLayer(norm_first=True,
/// activation="gelu"), with both TransformerDecoderLayer; with the second alone it brings context to tokens that do not see each other.
/// The hidden layer of the MLP has four times the channels.  Dropout as in MultiHeadAttention and Mlp.
class TransformerBlock : public torch::nn::Module {
public:
    struct Shape {
        int64_t channels;
        int64_t heads;  // divides channels
        bool self_attention = true;
        int64_t context_channels = 0;  // 0: no cross-attention
        double dropout_prob = 0;
    };
    TransformerBlock(const Shape& shape, WeightSource& weights);

    /// Which tokens are seen, each as MultiHeadAttention takes it.
    struct Seen {
        at::Tensor self{}, context{};
    };
    /// x [B,N,channels], context [B,M,context_channels], undefined where there is no cross-attention -> as x.  B may be 0.
    at::Tensor forward(const at::Tensor& x, const at::Tensor& context, const Seen& seen) const;

private:
    std::shared_ptr<MultiHeadAttention> self_, cross_;  // null where missing
    std::shared_ptr<LayerNorm> self_norm_, cross_norm_, mlp_norm_;
    std::shared_ptr<Mlp> mlp_;
};

}  // namespace vox::nn
