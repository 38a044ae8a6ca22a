#include "comm/backend_choice.hpp"

#include <map>
#include <sstream>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::comm {
namespace {

using core::concat;
using core::ConfigError;

/// Why not every rank has a GPU at all; empty where it has.
std::string without_gpu(const std::vector<RankFacts>& ranks) {
    for (size_t rank = 0; rank < ranks.size(); ++rank) {
        if (ranks[rank].visible_gpus == 0) return concat("rank ", rank, " on ", ranks[rank].host, " sees no GPU");
    }
    return "";
}

/// Which two ranks share a GPU; empty where none do.  NCCL does not put two ranks on one GPU.
std::string shared_gpu(const std::vector<RankFacts>& ranks) {
    std::map<std::string, size_t> owner;
    for (size_t rank = 0; rank < ranks.size(); ++rank) {
        const auto [first, is_new] = owner.emplace(ranks[rank].gpu_uuid, rank);
        if (is_new) continue;
        return concat("ranks ", first->second, " and ", rank, " on ", ranks[rank].host, " share ", ranks[rank].gpu_uuid,
                      " (each rank needs a GPU of its own)");
    }
    return "";
}

bool use_gpus(const Options& options, const std::string& no_gpu) {
    if (options.device == "cpu") return false;
    if (options.device == "cuda" && !no_gpu.empty()) {
        throw ConfigError(concat("comm.device is cuda, but ", no_gpu, ": start fewer ranks, or use device: cpu"));
    }
    return no_gpu.empty();
}

}  // namespace

std::string RankFacts::packed() const { return concat(local_rank, ' ', visible_gpus, ' ', host, ' ', gpu_uuid); }

RankFacts RankFacts::unpacked(const std::string& text) {
    RankFacts facts;
    std::istringstream(text) >> facts.local_rank >> facts.visible_gpus >> facts.host >> facts.gpu_uuid;
    return facts;
}

BackendChoice choose_backend(const Options& options, const std::vector<RankFacts>& ranks, int rank) {
    const RankFacts& own = ranks[rank];
    const std::string no_gpu = without_gpu(ranks);
    const bool on_gpu = use_gpus(options, no_gpu);

    BackendChoice choice;
    // With one GPU visible to each rank (--gpus-per-task=1) every rank's own is number 0.
    if (on_gpu) choice.device = at::Device(at::kCUDA, static_cast<at::DeviceIndex>(own.local_rank % own.visible_gpus));

    const std::string no_nccl = options.device == "cpu" ? "comm.device is cpu" : !on_gpu ? no_gpu : shared_gpu(ranks);
    if (options.backend == "nccl" && !no_nccl.empty()) {
        throw ConfigError(
            concat("comm.backend is nccl, but ", no_nccl, ".  Start one rank per GPU, or use backend: auto"));
    }
    if (options.backend == "local" && ranks.size() > 1) {
        throw ConfigError(
            concat("comm.backend is local, but there are ", ranks.size(), " ranks: they would train apart"));
    }
    if (options.backend != "auto") {
        choice.backend = options.backend;
        choice.reason = "asked for";
    } else if (ranks.size() == 1) {
        choice.backend = "local";
        choice.reason = "one rank";
    } else {
        choice.backend = no_nccl.empty() ? "nccl" : "mpi";
        choice.reason = no_nccl.empty() ? "each rank has a GPU of its own" : no_nccl;
    }
    return choice;
}

}  // namespace vox::comm
