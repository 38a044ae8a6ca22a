#pragma once
// What U-Nets of diffusions are made of (Ho et al., "Denoising diffusion probabilistic models", 2020; Song et al., "Denoising
// diffusion implicit models", 2021), in three dimensions.  Names of parameters are those of the published programs.

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>

#include "nn/convolution.hpp"
#include "nn/dropout.hpp"
#include "nn/linear.hpp"
#include "nn/norm.hpp"
#include "nn/options.hpp"

namespace vox::nn {

/// A normalisation as options.norm says, with the epsilon 1e-6 of these networks.
std::shared_ptr<Norm> make_denoising_norm(int64_t channels, const ModelOptions& options,
                                          comm::Communicator* communicator);

/// shortcut(x) + conv2(dropout(swish(norm2(conv1(swish(norm1(x))) + temb_proj(time))))).  The shortcut `nin_shortcut` is a
/// convolution 1x1x1 where the channels change, else x itself.  Dropout is of single values.
class TimedResBlock : public torch::nn::Module {
public:
    struct Shape {
        int64_t in_channels, out_channels, time_channels;
    };
    TimedResBlock(const Shape& shape, const ModelOptions& options, comm::Communicator* communicator,
                  WeightSource& weights);
    /// x [B,I,D,H,W], time [B,T] (a TimeEmbedding's output) -> [B,O,D,H,W].
    at::Tensor forward(const at::Tensor& x, const at::Tensor& time) const;

private:
    std::shared_ptr<Norm> norm1_, norm2_;
    std::shared_ptr<Conv3d> conv1_, conv2_, shortcut_;  // shortcut_ null where there is none
    std::shared_ptr<Linear> time_;
    std::shared_ptr<Dropout> dropout_;
};

/// x + proj_out(attention(q, k, v)), where q, k and v are convolutions 1x1x1 of norm(x) and every voxel attends to all voxels of
/// its item, with one head of C channels and the scale 1 / sqrt(C).  No matrix of voxels by voxels is kept.
class SelfAttention : public torch::nn::Module {
public:
    SelfAttention(int64_t channels, const ModelOptions& options, comm::Communicator* communicator,
                  WeightSource& weights);
    /// [B,C,D,H,W] -> the same.
    at::Tensor forward(const at::Tensor& x) const;

private:
    std::shared_ptr<Norm> norm_;
    std::shared_ptr<Conv3d> q_, k_, v_, out_;
};

/// Nearest neighbours at twice the size, then a convolution `conv`.
class DoubleSize : public torch::nn::Module {
public:
    DoubleSize(int64_t channels, WeightSource& weights);
    /// [B,C,D,H,W] -> [B,C,2D,2H,2W].
    at::Tensor forward(const at::Tensor& x) const;

private:
    std::shared_ptr<Conv3d> conv_;
};

}  // namespace vox::nn
