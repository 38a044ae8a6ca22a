#pragma once

#include <filesystem>

#include "checkpoint/load.hpp"
#include "tasks/task_config.hpp"

namespace vox::tasks {

/// A checkpoint that was read, and the configuration that it was trained with.
struct TrainedRun {
    TaskConfig config;
    checkpoint::State state;  // without the optimizer's
    std::filesystem::path checkpoint;  // the folder
};

/// From a run's folder, its checkpoints/ or one checkpoint; the best by validation where `best` and any was validated.  Any rank.
/// Throws DataError.
TrainedRun load_trained(const std::filesystem::path& path, bool best);

/// The same without any weights.
TrainedRun peek_trained(const std::filesystem::path& path, bool best);

/// Throws DataError unless the run was trained for `task`.
void check_task(const TrainedRun& trained, const char* task);

/// The averaged weights where they are kept, else those of the model.
const checkpoint::NamedTensors& best_weights(const TrainedRun& trained);

}  // namespace vox::tasks
