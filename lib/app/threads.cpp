#include "app/threads.hpp"

#include <ATen/Parallel.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>

namespace vox::app {
namespace {

/// Cores that the launcher bound this process to, and those of the node.
struct Cores {
    int64_t bound = 1, node = 1;
};

Cores count_cores() {
    Cores cores;
    cores.node = std::max<int64_t>(1, sysconf(_SC_NPROCESSORS_ONLN));
    cpu_set_t set;
    cores.bound = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : cores.node;
    return cores;
}

}  // namespace

int64_t settle_threads(const comm::World& world, int64_t configured) {
    const Cores cores = count_cores();
    // A rank that was bound to some cores owns them; ranks that may run anywhere share the node.
    const int64_t own = cores.bound < cores.node ? cores.bound : std::max<int64_t>(1, cores.node / world.local_size());
    const int64_t threads = configured > 0 ? configured : own;
    at::set_num_threads(static_cast<int>(threads));
    return threads;
}

}  // namespace vox::app
