#pragma once
// What the network of a diffusion is to the code that trains and samples it.

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>

namespace vox::nn {

/// A network that sees a volume with noise in it and is told how much.  Its parameters and buffers carry the names under which
/// checkpoints store them.
class DenoisingModel : public torch::nn::Module {
public:
    /// volume [B,C,D,H,W], floating as the parameters, on their device: conditions, and x_t in one of the channels or beside them;
    /// timesteps [B] int64, on any device -> [B,K,D,H,W]: noise, volume or v, as it was trained.  B may be 0.  D, H and W are
    /// multiples of `size_divisor()`, else DataError.  In training mode dropout draws from the thread's ops::RandomScope.  All ranks
    /// alike where a layer communicates (norm: sync_batch).
    virtual at::Tensor forward(const at::Tensor& volume, const at::Tensor& timesteps) = 0;

    /// What every spatial size of an input must be a multiple of.
    virtual int64_t size_divisor() const = 0;
};

}  // namespace vox::nn
