#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>

#include "nn/dropout.hpp"
#include "nn/linear.hpp"

namespace vox::nn {

/// Attention with several heads (Vaswani et al., "Attention is all you need", 2017): of tokens to others, or to themselves.  The
/// matrix of all pairs is never kept where ATen has a fused kernel.  Dropout is of single values of the result, not of attention
/// weights: a fused kernel would draw those from a generator that knows no items.
class MultiHeadAttention : public torch::nn::Module {
public:
    struct Shape {
        int64_t channels;
        int64_t context_channels;
        int64_t heads;  // divides channels
        double dropout_prob = 0;
    };
    MultiHeadAttention(const Shape& shape, WeightSource& weights);
    /// x [B,N,channels] asks, context [B,M,context_channels] answers -> [B,N,channels].  B may be 0.  `seen` is bool and expands to
    /// [B,heads,N,M]: which tokens answer, at least one to each that asks; undefined: all.
    at::Tensor forward(const at::Tensor& x, const at::Tensor& context, const at::Tensor& seen = {}) const;
    /// Sets the last linear layer to 0, so that nothing but 0 comes out until it has learned.
    void zero_output();

private:
    int64_t heads_;
    std::shared_ptr<Linear> q_, k_, v_, out_;
    std::shared_ptr<Dropout> dropout_;
};

/// linear2(gelu(linear1(x))) with `hidden_channels` in between and dropout of single values after each layer, as in MONAI's
/// MLPBlock, whose names of parameters these are.
class Mlp : public torch::nn::Module {
public:
    Mlp(int64_t channels, int64_t hidden_channels, double dropout_prob, WeightSource& weights);
    /// [B,N,channels] -> the same.
    at::Tensor forward(const at::Tensor& x) const;

private:
    std::shared_ptr<Linear> linear1_, linear2_;
    std::shared_ptr<Dropout> drop1_, drop2_;
};

/// Normalisation of each token over its channels (Ba et al. 2016).  Parameters `weight` and `bias` [C].
class LayerNorm : public torch::nn::Module {
public:
    explicit LayerNorm(int64_t channels);
    /// [...,C] -> the same.
    at::Tensor forward(const at::Tensor& x) const;

private:
    at::Tensor weight_, bias_;
};

}  // namespace vox::nn
