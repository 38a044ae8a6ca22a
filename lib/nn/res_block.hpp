#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>

#include "nn/convolution.hpp"
#include "nn/norm.hpp"
#include "nn/options.hpp"

namespace vox::nn {

/// x + conv2(relu(norm2(conv1(relu(norm1(x)))))), size and channels unchanged.
class ResBlock : public torch::nn::Module {
public:
    ResBlock(int64_t channels, const ModelOptions& options, comm::Communicator* communicator, WeightSource& weights);
    /// [B,C,D,H,W] -> the same.
    at::Tensor forward(const at::Tensor& x) const;

private:
    std::shared_ptr<Norm> norm1_, norm2_;
    std::shared_ptr<Convolution> conv1_, conv2_;
};

}  // namespace vox::nn
