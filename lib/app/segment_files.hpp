#pragma once
// From cases to label maps on the grid of their files.

#include <filesystem>

#include "comm/world.hpp"
#include "data/transforms.hpp"
#include "tasks/segmentation_predictor.hpp"

namespace vox::app {

/// Weights, and how they see intensities.
struct Segmenter {
    tasks::SegmentationPredictor& predictor;
    data::Intensities intensities;
};

/// All ranks, each its share: every case that data::list_for_model finds in a folder of NIfTI files; <case>.nii.gz into `output`, with the
/// affine, size and axis order of the first channel, uint8 in the training data's label scheme.  Returns how many.  A missing channel is
/// refused before any case is predicted.  A file that turns out damaged costs its own case only: the others are written, then rank 0 throws
/// DataError naming every case without a label map.
size_t segment_folder(comm::World& world, const std::filesystem::path& input, const std::filesystem::path& output,
                      const Segmenter& segmenter);

/// The same for the cases of a folder of shards; each label map on the grid of its source file.
size_t segment_shards(comm::World& world, const std::filesystem::path& shards, const std::filesystem::path& output,
                      const Segmenter& segmenter);

}  // namespace vox::app
