#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>

#include "nn/attention.hpp"

namespace vox::nn {

/// A transformer block in the manner of Peebles & Xie ("Scalable diffusion models with transformers", 2023), with an attention to
/// tokens of another kind between its two halves:
///   x + gate1 * self_attention(scale1(norm(x))),  x + cross_attention(norm(x), context),  x + gate2 * mlp(scale2(norm(x)))
/// where scale(y) is y * (1 + a) + b, and the six a, b and gates are linear in SiLU(condition).  Those linear maps and the last
/// layer of the cross-attention start as 0 (AdaLN-zero), so that a new block returns its input.
class VitBlock : public torch::nn::Module {
public:
    struct Shape {
        int64_t channels;
        int64_t heads;  // divides channels
        int64_t context_channels;
        int64_t condition_channels;
        double dropout_prob;
    };
    VitBlock(const Shape& shape, WeightSource& weights);
    /// x [B,N,channels], context [B,M,context_channels], condition [B,condition_channels] -> as x.  B may be 0.
    at::Tensor forward(const at::Tensor& x, const at::Tensor& context, const at::Tensor& condition) const;

private:
    std::shared_ptr<Linear> modulation_;
    std::shared_ptr<MultiHeadAttention> self_, cross_;
    std::shared_ptr<LayerNorm> cross_norm_;
    std::shared_ptr<Mlp> mlp_;
};

}  // namespace vox::nn
