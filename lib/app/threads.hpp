#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "comm/world.hpp"

namespace vox::app {

/// Where a rank may run: launchers and job systems bind ranks to cores.
struct RankCores {
    std::string host;
    std::vector<int> cores;  // numbers as the system counts them, rising
};

/// Compute threads of a rank: its cores over the ranks of its host that have the same ones; the least over all ranks, so that
/// every rank has the same number.  At least 1.
int64_t threads_of_a_rank(std::span<const RankCores> ranks);

/// All ranks.  Sets the compute threads of each: `configured`, or (0) what `threads_of_a_rank` says.  Returns the number.
int64_t settle_threads(comm::World& world, int64_t configured = 0);

}  // namespace vox::app
