#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>

#include "nn/convolution.hpp"
#include "nn/norm.hpp"

namespace vox::nn {

/// relu(norm(conv(x))), the step that plain encoders and decoders repeat.
class ConvNormRelu : public torch::nn::Module {
public:
    /// `norm` is a layer of make_norm for shape.out_channels.
    ConvNormRelu(const Conv3d::Shape& shape, std::shared_ptr<Norm> norm, WeightSource& weights);
    /// As Conv3d.
    at::Tensor forward(const at::Tensor& x) const { return norm_->forward(conv_->forward(x)).relu_(); }

private:
    std::shared_ptr<Conv3d> conv_;
    std::shared_ptr<Norm> norm_;
};

}  // namespace vox::nn
