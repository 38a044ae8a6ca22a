#pragma once

#include "comm/communicator.hpp"
#include "tasks/task_config.hpp"

namespace vox::tasks {

/// The configuration, once what can be seen without the data set was checked.  Throws ConfigError for crops and windows that the
/// network cannot take, for tensors inside that kernels cannot address, and for statistics of each rank's own.
const TaskConfig& checked(const TaskConfig& config, const TaskContext& context, const comm::Communicator& comm);

}  // namespace vox::tasks
