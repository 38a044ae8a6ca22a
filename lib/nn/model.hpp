#pragma once
// What every network of the project is to the code that trains it.

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <string>

namespace vox::nn {

/// A network from volumes to volumes of the same size.  Its parameters and buffers carry the names under which checkpoints
/// store them.
class Model : public torch::nn::Module {
public:
    /// volume [B,C,D,H,W], float32 or float64 as the parameters, on their device -> [B,K,D,H,W]; logits where the network
    /// segments.  B may be 0.  D, H and W are multiples of `size_divisor()`, else DataError.  In training mode dropout draws
    /// from the thread's ops::RandomScope.  All ranks alike where a layer communicates (norm: sync_batch).
    virtual at::Tensor forward(const at::Tensor& volume) = 0;

    /// What every spatial size of an input must be a multiple of.
    virtual int64_t size_divisor() const = 0;

    /// The number of trained values.
    int64_t parameter_count() const;

protected:
    /// Throws DataError, which begins with `name`, unless `volume` is what `forward` takes.
    void check_volume(const std::string& name, const at::Tensor& volume, int64_t in_channels) const;
};

}  // namespace vox::nn
