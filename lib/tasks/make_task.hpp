#pragma once

#include <memory>

#include "comm/communicator.hpp"
#include "tasks/task_config.hpp"
#include "train/task.hpp"

namespace vox::tasks {

/// Any rank, no communication: the task that `config.task` names.  `comm` is its own (a `duplicate()`), for what its model and
/// losses exchange, and must outlive it.  Throws DataError for shards that it cannot train on, ConfigError for options that
/// do not fit them.
std::unique_ptr<train::Task> make_task(const TaskConfig& config, const TaskContext& context, comm::Communicator& comm);

}  // namespace vox::tasks
