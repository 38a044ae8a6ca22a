#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>

#include "nn/convolution.hpp"

namespace vox::nn {

/// A convolution of images with zero padding.  Parameters `weight` [O,I,k,k] and, where asked for, `bias` [O], from PyTorch's
/// default distribution.
class Conv2d : public torch::nn::Module {
public:
    struct Shape {
        int64_t in_channels, out_channels;
        int64_t kernel = 3;  // odd
        int64_t stride = 1;
        bool bias = false;
    };
    Conv2d(const Shape& shape, WeightSource& weights);
    /// [B,I,h,w] -> [B,O,h/stride,w/stride], sizes rounded up.  Accepts an empty batch.
    at::Tensor forward(const at::Tensor& x) const;

private:
    at::Tensor weight_, bias_;  // bias_ undefined without one
    Shape shape_;
};

}  // namespace vox::nn
