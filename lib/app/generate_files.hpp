#pragma once
// From cases to the channel that they lack, on the grid of their files.

#include <filesystem>

#include "comm/world.hpp"
#include "tasks/synthesis_predictor.hpp"

namespace vox::app {

/// All ranks, each its share: every case that data::list_for_model finds in a folder of NIfTI files, the generated channel and others
/// missing or not; <case>_<channel>_generated.nii.gz into `output`, and <case>_<channel>_sd.nii.gz where several samples are made: float32,
/// with the affine, size and axis order of the case's first channel.  Returns how many cases.  Damaged files as segment_folder.
size_t generate_folder(comm::World& world, const std::filesystem::path& input, const std::filesystem::path& output,
                       tasks::SynthesisPredictor& predictor);

/// The same for the cases of a folder of shards.
size_t generate_shards(comm::World& world, const std::filesystem::path& shards, const std::filesystem::path& output,
                       tasks::SynthesisPredictor& predictor);

}  // namespace vox::app
