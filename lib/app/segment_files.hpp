#pragma once
// From NIfTI files to label maps on the same grid.

#include <filesystem>
#include <string>

#include "comm/world.hpp"
#include "data/layouts.hpp"
#include "data/shard_reader.hpp"
#include "tasks/make_predictor.hpp"

namespace vox::app {

/// One case, one rank: reads the channels (in the model's order), predicts in RAS, and writes the label map with the affine, size
/// and axis order of the first channel as uint8 in the training data's label scheme.  Throws DataError, WriteError.
void segment_case(const data::CaseFiles& input, tasks::TrainedSegmentation& trained,
                  const std::filesystem::path& output_file);

/// All ranks, each its share: every case that data::list_for_model finds; <case>.nii.gz into `output`.  Returns how many.
/// A missing channel is refused before any case is predicted.  A file that turns out damaged costs its own case only: the others
/// are written, then rank 0 throws DataError naming every case without a label map.
size_t segment_folder(comm::World& world, const std::filesystem::path& input, const std::filesystem::path& output,
                      tasks::TrainedSegmentation& trained);

/// The same for the cases of a folder of shards; each label map on the grid of its source file.
size_t segment_shards(comm::World& world, const std::filesystem::path& shards, const std::filesystem::path& output,
                      tasks::TrainedSegmentation& trained);

/// Throws DataError unless the shards hold the model's channels in the model's order.
void check_channels(const data::ShardReader& reader, const std::filesystem::path& shards,
                    const tasks::SegmentationFacts& facts);

}  // namespace vox::app
