#pragma once
// How the network of a stage is told a level of noise.

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>

#include "nn/linear.hpp"

namespace vox::nn {

/// levels [B], any number type -> [B,channels] float64 on the same device: cos(s f_i) of all i, then sin(s f_i), where
/// f_i = 10000^(-2 i / channels), i from 0 to channels / 2 - 1.  These are the features of MONAI's diffusion networks, which begin
/// with the cosine and stop short of the lowest frequency.  `channels` is even and positive, else InternalError.
at::Tensor level_features(const at::Tensor& levels, int64_t channels);

/// 256 such features through two linear layers, 512 and `out_channels`, with SiLU between them.
class LevelEmbedding : public torch::nn::Module {
public:
    LevelEmbedding(int64_t out_channels, WeightSource& weights);
    /// levels [B], on any device -> [B,out_channels] of dtype and device of `like`.  B may be 0.
    at::Tensor forward(const at::Tensor& levels, const at::Tensor& like) const;

private:
    std::shared_ptr<Linear> first_, second_;
};

}  // namespace vox::nn
