#pragma once
// How far apart the clocks of the ranks' hosts are.

#include <cstdint>
#include <functional>
#include <vector>

#include "comm/world.hpp"

namespace vox::app {

/// A rank's clock against rank 0's: it is `seconds` ahead, give or take `uncertainty_s`.
struct ClockOffset {
    double seconds = 0, uncertainty_s = 0;
};

/// Nanoseconds since 1970 by the system's clock.
int64_t system_clock_ns();

/// All ranks.  A ping from rank 0 to each rank and the rank's clock back; of `tries` the shortest round trip counts, and half
/// of it is the uncertainty, as in Cristian, "Probabilistic clock synchronization" (Distributed Computing 3, 1989).  One entry a
/// rank, the same on every rank.  `clock` gives nanoseconds.
std::vector<ClockOffset> measure_clock_offsets(comm::World& world,
                                               const std::function<int64_t()>& clock = system_clock_ns, int tries = 5);

/// The largest difference between any two of the clocks, and its uncertainty.
ClockOffset largest_difference(const std::vector<ClockOffset>& offsets);

}  // namespace vox::app
