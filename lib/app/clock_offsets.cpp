#include "app/clock_offsets.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <string>

namespace vox::app {

int64_t system_clock_ns() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

std::vector<ClockOffset> measure_clock_offsets(comm::World& world, const std::function<int64_t()>& clock, int tries) {
    std::vector<ClockOffset> offsets(static_cast<size_t>(world.size()));
    for (int rank = 1; rank < world.size(); ++rank) {
        int64_t shortest = std::numeric_limits<int64_t>::max(), ahead = 0;
        for (int i = 0; i < tries; ++i) {
            // A broadcast ends nowhere before its root has begun, so that the rank's clock is read between both of rank 0's.
            const int64_t sent = clock();
            world.broadcast("ping", 0);
            const int64_t theirs = std::stoll(world.broadcast(std::to_string(clock()), rank));
            const int64_t received = clock();
            if (received - sent >= shortest) continue;
            shortest = received - sent;
            ahead = theirs - (sent + shortest / 2);
        }
        // Only rank 0's figures mean anything: its clock was read on both sides.
        ahead = std::stoll(world.broadcast(std::to_string(ahead), 0));
        shortest = std::stoll(world.broadcast(std::to_string(shortest), 0));
        offsets[static_cast<size_t>(rank)] = {static_cast<double>(ahead) * 1e-9,
                                              static_cast<double>(shortest) * 0.5e-9};
    }
    return offsets;
}

ClockOffset largest_difference(const std::vector<ClockOffset>& offsets) {
    const auto [low, high] = std::ranges::minmax_element(offsets, {}, &ClockOffset::seconds);
    return {high->seconds - low->seconds, low == high ? 0 : low->uncertainty_s + high->uncertainty_s};
}

}  // namespace vox::app
