#pragma once
// How a network of a diffusion is told the timestep.

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>

#include "nn/linear.hpp"

namespace vox::nn {

/// timesteps [B] -> [B,channels] float64 on the same device: sin(t f_i) of all i, then cos(t f_i), where
/// f_i = 10000^(-i / (channels / 2 - 1)), i from 0 to channels / 2 - 1 (Ho et al. 2020, after Vaswani et al. 2017).
/// `channels` is even and at least 4, else InternalError.
at::Tensor sinusoidal_embedding(const at::Tensor& timesteps, int64_t channels);

/// That embedding through two linear layers with a swish after each: child `dense`, with children `0` and `1`.  The published
/// networks apply the last swish in every block; its value is the same.
class TimeEmbedding : public torch::nn::Module {
public:
    /// From `channels` to `out_channels`.
    TimeEmbedding(int64_t channels, int64_t out_channels, WeightSource& weights);
    /// timesteps [B] int64, on any device -> [B,out_channels] of dtype and device of `like`.
    at::Tensor forward(const at::Tensor& timesteps, const at::Tensor& like) const;

private:
    int64_t channels_;
    std::shared_ptr<Linear> first_, second_;
};

}  // namespace vox::nn
