#pragma once
// What tests under mpirun work with.  The main of mpi_test_main.cpp makes both before the first test.

#include "comm/communicator.hpp"
#include "comm/world.hpp"

namespace vox::test {

/// Seconds after which a rank that waits for another gives up, which ends the job.
inline constexpr double kTimeLimitS = 120;

/// All ranks of the test.
comm::World& world();

/// Tensors of all ranks, on the CPU: over MPI, also where there is one rank only.
comm::Communicator& communicator();

}  // namespace vox::test
