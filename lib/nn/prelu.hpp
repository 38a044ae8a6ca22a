#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

namespace vox::nn {

/// x where it is positive, slope * x elsewhere, with one trained slope for all channels (He et al. 2015).  Parameter `weight`
/// `[1]`, 0.25 at first: PyTorch's name and value.  Any floating shape `[B,C,...]`, same shape out; of x's dtype unless
/// autocast lowers it.
class PReLU : public torch::nn::Module {
public:
    PReLU();
    at::Tensor forward(const at::Tensor& x) const;

private:
    at::Tensor weight_;
};

}  // namespace vox::nn
