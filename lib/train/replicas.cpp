#include "train/replicas.hpp"

#include <ATen/core/grad_mode.h>

#include <map>

#include "checkpoint/hash.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::train {

void broadcast_replicas(torch::nn::Module& model, comm::Communicator& comm) {
    const at::NoGradGuard no_grad;
    for (const auto& item : model.named_parameters()) comm.broadcast(item.value().detach(), 0);
    for (const auto& item : model.named_buffers()) comm.broadcast(item.value(), 0);
}

void check_replicas(const torch::nn::Module& model, comm::World& world, int64_t step) {
    const auto hashes = world.gather(std::to_string(checkpoint::parameter_hash(checkpoint::module_state(model))));
    std::map<std::string, int> votes;
    for (const auto& hash : hashes) ++votes[hash];
    if (votes.size() == 1) return;
    std::string majority = hashes.front();
    for (const auto& [hash, count] : votes) {
        if (count > votes[majority]) majority = hash;
    }
    std::vector<int> differing;
    for (size_t rank = 0; rank < hashes.size(); ++rank) {
        if (hashes[rank] != majority) differing.push_back(static_cast<int>(rank));
    }
    throw core::InternalError(core::concat(
        "replicas differ at step ", step, ": the model of rank ", core::join(differing),
        " is not the one of the other ranks.  Gradients were not reduced everywhere, or memory was damaged; "
        "resume from the last checkpoint."));
}

}  // namespace vox::train
