#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>

#include "nn/convolution.hpp"

namespace vox::nn {

/// x W^T + b, with PyTorch's names and initial distribution.  Parameters `weight` [O,I] and `bias` [O].
class Linear : public torch::nn::Module {
public:
    Linear(int64_t in_features, int64_t out_features, WeightSource& weights);
    /// [...,I] -> [...,O].  Accepts an empty batch.
    at::Tensor forward(const at::Tensor& x) const;

private:
    at::Tensor weight_, bias_;
};

}  // namespace vox::nn
