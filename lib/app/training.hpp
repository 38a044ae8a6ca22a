#pragma once
// A training run from configuration to exit code: what train and train_brats have in common.

#include <optional>

#include "app/run_config.hpp"
#include "checkpoint/load.hpp"
#include "comm/communicator.hpp"
#include "report/run_folder.hpp"
#include "train/trainer.hpp"

namespace vox::app {

/// A run's folder, opened by rank 0, and where the run starts; the same on every rank.
struct OpenRun {
    train::RunRecord record;
    std::optional<checkpoint::Choice> start;     // nothing: from step 0
    std::unique_ptr<report::RunFolder> folder;   // rank 0 only: holds the lock
};

/// All ranks.  Chooses and takes the folder, writes config.yaml, finds the checkpoint to go on from, settles threads and the
/// global micro-batch.  Errors reach all ranks.
OpenRun open_run(comm::World& world, const RunConfig& config);

/// All ranks: the whole of a training program after its configuration was read.
core::ExitCode run_training(comm::World& world, const RunConfig& config);

}  // namespace vox::app
