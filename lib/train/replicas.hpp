#pragma once
// Keeping every rank's model the same, and noticing where it is not.

#include <torch/nn/module.h>

#include "comm/communicator.hpp"
#include "comm/world.hpp"

namespace vox::train {

/// All ranks: rank 0's parameters and buffers, on every rank.
void broadcast_replicas(torch::nn::Module& model, comm::Communicator& comm);

/// All ranks: compares a hash of all parameters and buffers.  Throws InternalError on all ranks, naming the ranks that differ
/// from the majority (from rank 0 where there is none), when replicas differ.
void check_replicas(const torch::nn::Module& model, comm::World& world, int64_t step);

}  // namespace vox::train
