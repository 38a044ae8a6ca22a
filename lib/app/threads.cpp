#include "app/threads.hpp"

#include <ATen/Parallel.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <sstream>

#include "core/log.hpp"
#include "core/text.hpp"

namespace vox::app {
namespace {

// Not std::thread::hardware_concurrency(), which counts the cores that this process is bound to.
int64_t cores_of_the_node() { return std::max<int64_t>(1, sysconf(_SC_NPROCESSORS_ONLN)); }

RankCores own_cores(const std::string& host) {
    RankCores own{host, {}};
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
        for (int core = 0; core < CPU_SETSIZE; ++core)
            if (CPU_ISSET(core, &allowed)) own.cores.push_back(core);
    } else {  // more cores than the set can name: as if nothing were bound
        own.cores.resize(static_cast<size_t>(cores_of_the_node()));
        std::iota(own.cores.begin(), own.cores.end(), 0);
    }
    return own;
}

std::string packed(const RankCores& rank) { return rank.host + ' ' + core::join(rank.cores, " "); }

RankCores unpacked(const std::string& text) {
    RankCores rank;
    std::istringstream stream(text);
    stream >> rank.host;
    for (int core = 0; stream >> core;) rank.cores.push_back(core);
    return rank;
}

}  // namespace

int64_t threads_of_a_rank(std::span<const RankCores> ranks) {
    int64_t least = INT64_MAX;
    for (const auto& rank : ranks) {
        const auto sharing = std::ranges::count_if(
            ranks, [&](const auto& other) { return other.host == rank.host && other.cores == rank.cores; });
        least = std::min(least, static_cast<int64_t>(rank.cores.size()) / sharing);
    }
    return std::max<int64_t>(1, least);
}

int64_t settle_threads(comm::World& world, int64_t configured) {
    const auto own = own_cores(world.host());
    std::vector<RankCores> ranks;
    for (const auto& text : world.gather(packed(own))) ranks.push_back(unpacked(text));
    const int64_t threads = configured > 0 ? configured : threads_of_a_rank(ranks);
    const int64_t fair = cores_of_the_node() / world.local_size();
    if (configured == 0 && threads < fair)
        core::log::info("ranks are bound to ", own.cores.size(), " of ", cores_of_the_node(), " cores and take ",
                        threads, " threads each; 'mpirun --bind-to none' would allow ", fair);
    at::set_num_threads(static_cast<int>(threads));
    return threads;
}

}  // namespace vox::app
