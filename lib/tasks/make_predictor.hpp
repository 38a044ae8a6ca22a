#pragma once

#include <memory>

#include "tasks/prompted_predictor.hpp"
#include "tasks/segmentation_predictor.hpp"
#include "tasks/survival_predictor.hpp"
#include "tasks/synthesis_predictor.hpp"
#include "tasks/trained_run.hpp"
#include "tasks/xray_to_ct_predictor.hpp"

namespace vox::tasks {

// Trained weights, ready to predict; EMA weights where they are kept.  Any rank.  Throw DataError where the run is of another task.
std::unique_ptr<SegmentationPredictor> make_segmentation_predictor(const TrainedRun& trained, at::Device device);
std::unique_ptr<SynthesisPredictor> make_synthesis_predictor(const TrainedRun& trained, at::Device device);
std::unique_ptr<XrayToCtPredictor> make_xray_to_ct_predictor(const TrainedRun& trained, at::Device device);
std::unique_ptr<SurvivalPredictor> make_survival_predictor(const TrainedRun& trained, at::Device device);
std::unique_ptr<PromptedPredictor> make_prompted_predictor(const TrainedRun& trained, at::Device device);

}  // namespace vox::tasks
