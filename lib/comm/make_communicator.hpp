#pragma once

#include <c10/core/Device.h>

#include <memory>

#include "comm/backend_choice.hpp"
#include "comm/communicator.hpp"
#include "comm/options.hpp"
#include "comm/world.hpp"

namespace vox::comm {

/// Which backend and device this rank gets, and why, without starting any.  Throws ConfigError as `make_communicator`.  All
/// ranks.
BackendChoice agree_on_backend(World& world, const Options& options);

/// The backend that fits: NCCL where each rank has a GPU of its own, otherwise MPI; local for one rank.  Logs what and why,
/// and makes the rank's GPU the current device.  Throws ConfigError where `options` ask for what cannot be.  All ranks.
std::unique_ptr<Communicator> make_communicator(World& world, const Options& options);

/// Over MPI, whatever else there is.  `world` comes from an MpiSession, otherwise ConfigError.  All ranks.
std::unique_ptr<Communicator> make_mpi_communicator(World& world, at::Device device, double timeout_s);

/// Another World over the same ranks, whose messages do not mix with this one's; each of its waits ends with PeerError after
/// `timeout_s`.  All ranks.
std::unique_ptr<World> make_world_with_time_limit(World& world, double timeout_s);

}  // namespace vox::comm
