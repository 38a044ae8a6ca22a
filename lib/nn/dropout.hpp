#pragma once
// Dropout whose numbers belong to the item, so that any split of a batch into ranks and micro-batches drops the same ones.

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

namespace vox::nn {

enum class DropoutKind {
    element,  // each value on its own
    channel,  // whole channels (MONAI's and PyTorch's Dropout3d)
};

/// In training sets values of `[B,C,...]` to zero with `probability` and scales the others by 1 / (1 - probability); in
/// evaluation, or at probability 0, returns its input.  Draws from the thread's `ops::RandomScope` (purpose `dropout`), which
/// holds one key per item.  Throws InternalError outside a scope, ConfigError unless 0 <= probability <= 1.
class Dropout : public torch::nn::Module {
public:
    explicit Dropout(double probability, DropoutKind kind = DropoutKind::channel);
    at::Tensor forward(const at::Tensor& x);

private:
    double probability_;
    DropoutKind kind_;
};

}  // namespace vox::nn
