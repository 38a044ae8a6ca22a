#pragma once
// Which backend and which GPU a rank gets.  A pure function of what all ranks reported, so that all ranks decide alike.

#include <c10/core/Device.h>

#include <string>
#include <vector>

#include "comm/options.hpp"

namespace vox::comm {

/// What a rank reports about itself.
struct RankFacts {
    std::string host;
    int local_rank = 0;
    int visible_gpus = 0;
    std::string gpu_uuid;  // of GPU number local_rank modulo visible_gpus; empty without a GPU

    std::string packed() const;
    static RankFacts unpacked(const std::string& text);
};

struct BackendChoice {
    std::string backend;  // local | mpi | nccl
    at::Device device = at::Device(at::kCPU);
    std::string reason;  // for the log
};

/// The choice for `rank`.  Throws ConfigError, on all ranks alike, where the options ask for what the machine has not.
BackendChoice choose_backend(const Options& options, const std::vector<RankFacts>& ranks, int rank);

}  // namespace vox::comm
