#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>

#include "nn/convolution.hpp"
#include "nn/linear.hpp"
#include "nn/norm.hpp"

namespace vox::nn {

/// One level of a decoder: brings what comes from below to twice its size and joins it with the encoder's values of that size.
///   y = [up(reduce(x)), skip],  shortcut(y) + conv2(SiLU(scale(norm(conv1(y)))))
/// where scale(z) is z * (1 + a) + b with a and b linear in SiLU(condition), 0 at first.  The shortcut is a convolution 1x1x1
/// without a normalisation: by it the values of a noisy volume, not only their pattern, reach the output.
class FusionBlock : public torch::nn::Module {
public:
    struct Shape {
        int64_t in_channels;
        int64_t channels;  // of the skip and of the result; a multiple of 8
        int64_t condition_channels;
    };
    FusionBlock(const Shape& shape, WeightSource& weights);
    /// x [B,in_channels,d,h,w], skip [B,channels,2d,2h,2w], condition [B,condition_channels] -> as skip.  B may be 0.
    at::Tensor forward(const at::Tensor& x, const at::Tensor& skip, const at::Tensor& condition) const;

private:
    std::shared_ptr<Conv3d> reduce_, conv1_, conv2_, shortcut_;
    std::shared_ptr<Norm> norm_;
    std::shared_ptr<Linear> modulation_;
};

}  // namespace vox::nn
