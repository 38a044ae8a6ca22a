#pragma once
// From cases to label maps on the grid of their files.

#include "app/result_files.hpp"
#include "tasks/segmentation_predictor.hpp"

namespace vox::app {

/// All ranks, each its share: <case>.nii.gz of every case of the input, with the affine, size and axis order of its first channel, uint8
/// in the training data's label scheme.  `intensities`: as the model was trained.  Returns how many.  A missing channel is refused
/// before any case is predicted.  Throws as InputCases.
size_t segment_cases(comm::World& world, const ResultFolders& folders, tasks::SegmentationPredictor& predictor,
                     const data::Intensities& intensities);

}  // namespace vox::app
