#pragma once

#include <filesystem>
#include <memory>

#include "tasks/segmentation_predictor.hpp"
#include "tasks/task_config.hpp"

namespace vox::tasks {

/// Trained weights, ready to predict, and what they were trained with.
struct TrainedSegmentation {
    TaskConfig config;
    std::unique_ptr<SegmentationPredictor> predictor;
    std::filesystem::path checkpoint;  // the folder they came from
};

/// From a run's folder, its checkpoints/ or one checkpoint; EMA weights where they are kept; the best by validation where
/// `best` and any was validated.  Any rank.  Throws DataError.
TrainedSegmentation make_predictor(const std::filesystem::path& path, bool best, at::Device device);

}  // namespace vox::tasks
