#pragma once
// The channels of a segmentation network: regions of a label scheme, and which of them can be learnt.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "data/label_scheme.hpp"
#include "data/shard_reader.hpp"

namespace vox::tasks {

/// What a segmentation network means by its channels.  Kept in checkpoints, so that `infer` needs no training data.
struct SegmentationFacts {
    data::LabelScheme scheme;
    std::vector<bool> active;  // a region without a voxel in the training split is inactive: it is in no loss
    std::vector<std::string> channels;  // input channel names in order: "t1", "t1ce", ...
    bool exclusive = false;  // softmax over background and regions; else a sigmoid a region
    data::CommonGrid common_grid{};  // how the training data came to one grid: files that come later go the same way

    /// As texts for a checkpoint's manifest, and back.  `from_texts` throws DataError for texts that `to_texts` did not write.
    std::map<std::string, std::string> to_texts() const;
    static SegmentationFacts from_texts(const std::map<std::string, std::string>& texts);

    /// Channels of the network: one a region, and one for the background where classes exclude each other.
    int64_t out_channels() const { return static_cast<int64_t>(active.size()) + (exclusive ? 1 : 0); }

    /// "ET": the regions that are inactive.
    std::vector<std::string> inactive_names() const;
};

/// Any rank.  `exclusive`: the loss is one of exclusive classes.  Throws DataError where the training split holds a case without
/// a label, or no region has a voxel; ConfigError where classes are asked for of regions that overlap.
SegmentationFacts learnable_regions(const data::ShardReader& reader, bool exclusive);

}  // namespace vox::tasks
