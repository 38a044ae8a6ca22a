#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>

#include "ops/random_key.hpp"

namespace vox::nn {

/// Where initial weights come from: a stream of its own for every tensor, numbered in the order in which a model is built.
class WeightSource {
public:
    explicit WeightSource(uint64_t seed) { key_.seed = seed; }
    /// Overwrites `tensor` with numbers in [-1, 1) / sqrt(fan_in): PyTorch's default for the weight and bias of a convolution
    /// (He et al. 2015 with the negative slope sqrt(5)).  There fan_in is the size of weight[0], also where transposed.
    void fill(const at::Tensor& tensor, int64_t fan_in);
    /// Overwrites `tensor` with standard normal numbers: PyTorch's default for embeddings.
    void fill_normal(const at::Tensor& tensor);
    /// Overwrites `tensor` with normal numbers of variance 2 / fan_out: He et al. 2015 for what ReLU follows, by outputs.  There
    /// fan_out is the number of values in weight[:,0].
    void fill_for_relu(const at::Tensor& tensor, int64_t fan_out);

private:
    ops::RandomKey key_;
    uint32_t next_layer_ = 0;
};

/// A 3-D convolution with zero padding, or a transposed one.  Parameters `weight` [O,I,k,k,k] ([I,O,k,k,k] where transposed;
/// one k is 1 where flat) and, where asked for, `bias` [O].  Accepts an empty batch.
class Conv3d : public torch::nn::Module {
public:
    struct Shape {
        int64_t in_channels, out_channels;
        int64_t kernel = 3;  // odd
        int64_t stride = 1;
        bool bias = false;
        bool transposed = false;
        bool flat = false;  // a kernel 1 x k x k that leaves D as it is: for pictures, and volumes plane by plane
        bool init_for_relu = false;  // the weight by WeightSource::fill_for_relu; the bias stays as without
    };
    Conv3d(const Shape& shape, WeightSource& weights);
    /// [B,I,D,H,W] -> [B,O,D/stride,H/stride,W/stride], sizes rounded up; [B,O,D*stride,H*stride,W*stride] where transposed.
    at::Tensor forward(const at::Tensor& x) const;

private:
    at::Tensor weight_, bias_;  // bias_ undefined without one
    Shape shape_;
};

/// A Conv3d as child `conv`: the names of MONAI's block of the same name.
class Convolution : public torch::nn::Module {
public:
    using Shape = Conv3d::Shape;
    Convolution(const Shape& shape, WeightSource& weights);
    /// As Conv3d.
    at::Tensor forward(const at::Tensor& x) const { return conv_->forward(x); }

private:
    std::shared_ptr<Conv3d> conv_;
};

}  // namespace vox::nn
