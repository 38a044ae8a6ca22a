#pragma once
// From NIfTI files to label maps on the same grid.

#include <filesystem>
#include <string>

#include "comm/world.hpp"
#include "tasks/make_predictor.hpp"

namespace vox::app {

/// The files of one case that is to be segmented.
struct SegmentCase {
    std::string id;
    std::vector<std::pair<std::string, std::filesystem::path>> channels;  // name and file, in the model's order
};

/// One case, one rank: reads the channels, predicts in RAS, and writes the label map with the input's affine, size and axis order
/// as uint8 in the data set's label scheme.  Throws DataError naming file and case; WriteError.
void segment_case(const SegmentCase& input, tasks::TrainedSegmentation& trained,
                  const std::filesystem::path& output_file);

/// All ranks, each its share: every case of a folder in the BraTS layout, or with a folder a case whose files carry the model's
/// channel names; <case>.nii.gz into `output`.  Returns how many.
size_t segment_folder(comm::World& world, const std::filesystem::path& input, const std::filesystem::path& output,
                      tasks::TrainedSegmentation& trained);

/// The same for the cases of a folder of shards; each label map on the grid of its source file.
size_t segment_shards(comm::World& world, const std::filesystem::path& shards, const std::filesystem::path& output,
                      tasks::TrainedSegmentation& trained);

}  // namespace vox::app
