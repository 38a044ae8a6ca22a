#pragma once
// What a configuration comes to on the ranks that were started: batches, steps, parameters.

#include <cstdint>
#include <string>
#include <vector>

#include "app/run_config.hpp"
#include "comm/communicator.hpp"
#include "comm/world.hpp"
#include "train/task.hpp"

namespace vox::app {

/// What `distributed: false` asks for is the launcher's to give.  Throws ConfigError where more than one rank was started.
void check_distributed(const comm::World& world, const RunConfig& config);

/// Any rank, the same on every rank: parameters, effective batch, steps; a line each.  `train` logs them at its start, `doctor`
/// prints them.
std::vector<std::string> batch_arithmetic(const RunConfig& config, const comm::Communicator& comm, train::Task& task,
                                          int64_t global_micro_batch, int64_t threads_per_rank);

}  // namespace vox::app
