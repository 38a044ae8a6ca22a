#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>

#include "nn/convolution_2d.hpp"
#include "nn/linear.hpp"
#include "nn/norm.hpp"
#include "nn/xray_to_ct_options.hpp"

namespace vox::nn {

/// What the other parts of a stage's network are given of the X-rays.
struct XrayFeatures {
    at::Tensor maps;  // [B,V,512,h/8,w/8], for the depth lifting
    at::Tensor tokens;  // [B,V*(h/32)*(w/32),512], for cross-attention: all of view 0 in row-major order, then view 1
    at::Tensor
        condition;  // [B,1024], for adaptive normalisation: the mean over views and places, through a linear layer
};

/// Three convolutions with normalisation, ReLU and (after the first two) 2x2 maxima: 7x7 with stride 2 to 64 channels, 3x3 to 128,
/// 3x3 to 512.  Views go through them one by one and stay apart: maps and tokens carry a learned embedding of their view, tokens
/// one of their place too.  Only the condition is a mean over views.
class XrayEncoder : public torch::nn::Module {
public:
    static constexpr int64_t kChannels = 512, kConditionChannels = 1024;

    /// `communicator` is for options.norm sync_batch, as in make_norm.
    XrayEncoder(const XrayOptions& options, comm::Communicator* communicator, WeightSource& weights);
    /// xrays [B,V,h,w] with V = num_views and h = w = img_size, floating.  B may be 0.  `checkpointing`: the convolutions run by
    /// activation_checkpoint.
    XrayFeatures forward(const at::Tensor& xrays, bool checkpointing = false) const;

private:
    /// [N,1,h,w] -> [N,512,h/8,w/8].
    at::Tensor convolve(const at::Tensor& views) const;

    std::shared_ptr<Conv2d> conv1_, conv2_, conv3_;
    std::shared_ptr<Norm> norm1_, norm2_, norm3_;
    std::shared_ptr<Linear> condition_;
    at::Tensor view_embedding_;  // [V,512]
    at::Tensor place_embedding_;  // [(img_size/32)^2,512]
};

}  // namespace vox::nn
