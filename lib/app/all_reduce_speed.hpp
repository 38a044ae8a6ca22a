#pragma once
// How fast ranks add up tensors: latency and bandwidth of the communicator that training uses.

#include <cstdint>

#include "comm/communicator.hpp"
#include "comm/world.hpp"

namespace vox::app {

/// Bytes a second that each link of the machine has to carry: bytes / seconds * 2 (n - 1) / n, the "bus bandwidth" of an
/// all-reduce in nccl-tests (doc/PERFORMANCE.md), which does not depend on the number of ranks n.  0 for one rank.
double bus_bandwidth(int64_t bytes, double seconds, int ranks);

struct AllReduceSpeed {
    double latency_s = 0;  // of 8 bytes
    int64_t bytes = 0;  // of the large one
    double seconds = 0;  // of the large one, the slowest rank's
};

/// All ranks.  The large tensor has `most_bytes`, or a quarter, a sixteenth, ... of it where that would take longer than half a
/// second.  float32 on the communicator's device.  Throws PeerError, on all ranks, where a sum is wrong.
AllReduceSpeed measure_all_reduce(comm::World& world, comm::Communicator& comm, int64_t most_bytes = int64_t{64} << 20);

}  // namespace vox::app
