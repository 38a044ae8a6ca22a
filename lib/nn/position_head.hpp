#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>

#include "nn/attention.hpp"

namespace vox::nn {

/// Asks an image's tokens, which know their places, where the thing is: a trained token `query` [1,1,C] attends to them; query and
/// answer are added, normalised, and a linear layer makes classes of positions of them.
class PositionHead : public torch::nn::Module {
public:
    PositionHead(int64_t channels, int64_t heads, int64_t classes, WeightSource& weights);
    /// tokens [B,N,C] -> logits [B,classes].  B may be 0.
    at::Tensor forward(const at::Tensor& tokens) const;

private:
    at::Tensor query_;
    std::shared_ptr<MultiHeadAttention> attention_;
    std::shared_ptr<LayerNorm> norm_;
    std::shared_ptr<Linear> classes_;
};

}  // namespace vox::nn
