#pragma once
// The normalisation layers that a model may be built with.

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace vox::comm {
class Communicator;
}

namespace vox::nn {

/// A normalisation over `[B,C,...]` with any number of spatial dimensions.  Parameters `weight` and `bias` (each `[C]`), as
/// in PyTorch and MONAI.  Accepts an empty batch `[0,C,...]`.  Same shape, dtype and memory format out as in.
class Norm : public torch::nn::Module {
public:
    virtual at::Tensor forward(const at::Tensor& x) = 0;
};

/// "group", "instance", "batch", "sync_batch".
const std::vector<std::string>& norm_kinds();

/// A new layer for `channels` channels.  `groups` is for "group" only, and must divide the channels.  `communicator` is for
/// "sync_batch" only: the layer keeps the pointer, and every rank of it runs the layer's forward and backward in the same
/// order.  "batch" normalises by this rank's own items.  `eps` is added to the variance.  Throws ConfigError for an unknown kind,
/// InternalError where "sync_batch" has no communicator.
std::shared_ptr<Norm> make_norm(const std::string& kind, int64_t channels, int64_t groups,
                                comm::Communicator* communicator, double eps = 1e-5);

}  // namespace vox::nn
