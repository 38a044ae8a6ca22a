#include "app/threads.hpp"

#include <ATen/Parallel.h>

#include <algorithm>
#include <thread>

namespace vox::app {

int64_t settle_threads(const comm::World& world, int64_t configured) {
    const int64_t cores = std::max(1u, std::thread::hardware_concurrency());
    const int64_t threads = configured > 0 ? configured : std::max<int64_t>(1, cores / world.local_size());
    at::set_num_threads(static_cast<int>(threads));
    return threads;
}

}  // namespace vox::app
