#pragma once

#include <c10/core/Device.h>

#include <memory>

#include "comm/communicator.hpp"
#include "comm/world.hpp"

namespace vox::comm {

/// Over MPI, whatever else there is.  `world` comes from an MpiSession, otherwise ConfigError.  All ranks.
std::unique_ptr<Communicator> make_mpi_communicator(World& world, at::Device device, double timeout_s);

}  // namespace vox::comm
