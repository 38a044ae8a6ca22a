#pragma once

#include <filesystem>
#include <memory>

#include "checkpoint/load.hpp"
#include "tasks/segmentation_predictor.hpp"
#include "tasks/synthesis_predictor.hpp"
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

// Trained weights, ready to predict; EMA weights where they are kept.  Any rank.  Throw DataError where the run is of another task.
std::unique_ptr<SegmentationPredictor> make_segmentation_predictor(const TrainedRun& trained, at::Device device);
std::unique_ptr<SynthesisPredictor> make_synthesis_predictor(const TrainedRun& trained, at::Device device);

}  // namespace vox::tasks
