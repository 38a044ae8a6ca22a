#pragma once
// Trading time for memory: a block forgets its activations and runs again in backward.

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <functional>
#include <vector>

namespace vox::nn {

/// What a checkpointed block computes: from its inputs to one tensor, with no other differentiable tensor inside but the
/// `parameters` that go with it.
using BlockFunction = std::function<at::Tensor(const std::vector<at::Tensor>& inputs)>;

/// `block(inputs)`, whose activations are not kept: backward runs `block` a second time, under the same random scope (so
/// that dropout drops the same values) and the same autocast state.  Gradients are those of the plain call; each parameter
/// receives its gradient once, through the ordinary graph, so that gradient hooks fire as without.  What `block` captures
/// must live until backward.  May be nested.  Empty batches pass.  Where no gradient is recorded it is the plain call.
/// All ranks alike where the block communicates (SyncBatchNorm).
at::Tensor activation_checkpoint(const BlockFunction& block, const std::vector<at::Tensor>& inputs,
                                 const std::vector<at::Tensor>& parameters);

/// The same for a module with `at::Tensor forward(const at::Tensor&)`, which its model owns.
template <class Block>
at::Tensor activation_checkpoint(Block& block, const at::Tensor& x) {
    return activation_checkpoint([&block](const std::vector<at::Tensor>& in) { return block.forward(in[0]); }, {x},
                                 block.parameters());
}

/// True on a thread that runs a block for the second time: what must happen once per step (running statistics) stays out.
bool is_recomputing();

}  // namespace vox::nn
