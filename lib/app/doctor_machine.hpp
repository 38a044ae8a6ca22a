#pragma once
// What `doctor` examines without a configuration: the ranks, their hosts, and how they reach each other.

#include <memory>

#include "app/findings.hpp"
#include "comm/communicator.hpp"
#include "comm/options.hpp"

namespace vox::app {

/// All ranks: versions, hosts, MPI, GPUs, clocks.
void examine_hosts(comm::World& world, Findings& findings);

/// All ranks: compute threads against cores; sets them as a training does.  Returns threads of a rank.
int64_t examine_threads(comm::World& world, Findings& findings, int64_t configured);

/// All ranks: the backend that `options` choose, its latency and bandwidth.  Null where it cannot be started.
std::unique_ptr<comm::Communicator> examine_communication(comm::World& world, Findings& findings,
                                                          const comm::Options& options);

}  // namespace vox::app
