#pragma once
// From cases to the channel that they lack, on the grid of their files.

#include "app/result_files.hpp"
#include "tasks/synthesis_predictor.hpp"

namespace vox::app {

/// All ranks, each its share: of every case of the input, whether or not it has the channel that is generated, and others missing or not,
/// <case>_<channel>_generated.nii.gz, and <case>_<channel>_sd.nii.gz where several samples are made: float32, with the affine, size and
/// axis order of the case's first channel.  Returns how many cases.  Throws as InputCases.
size_t generate_cases(comm::World& world, const ResultFolders& folders, tasks::SynthesisPredictor& predictor);

}  // namespace vox::app
