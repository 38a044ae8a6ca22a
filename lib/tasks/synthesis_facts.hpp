#pragma once
// The channels of a synthesis network: which a case has, which is asked for, and how intensities become -1 .. 1 and back.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "data/batch.hpp"
#include "data/shard_reader.hpp"
#include "ops/random_key.hpp"

namespace vox::tasks {

/// What a synthesis network means by its channels.  Kept in checkpoints, so that `infer` needs no training data.
struct SynthesisFacts {
    /// Intensities that are -1 and 1 of a channel.
    struct Window {
        double low = 0, high = 1;
    };
    std::vector<std::string> channels;  // in order: "t1", "t1ce", ...
    int64_t target = -1;  // the channel that is always generated; -1: whichever is asked for
    /// A channel: the medians over the training cases of the 1st and 99th percentile of its non-zero voxels.  A case's own, by which
    /// networks see it, cannot scale what is generated: of a hidden volume nothing is known.
    std::vector<Window> windows;
    data::CommonGrid common_grid{};  // how the training data came to one grid: files that come later go the same way

    std::map<std::string, std::string> to_texts() const;
    /// Throws DataError for texts that `to_texts` did not write.
    static SynthesisFacts from_texts(const std::map<std::string, std::string>& texts);

    /// Throws ConfigError naming the channels where there is none of this name.
    int64_t channel(const std::string& name) const;

    /// -1 .. 1 to intensities, and back, where what lies outside is clipped.  Any shape, floating.
    at::Tensor to_intensities(const at::Tensor& values, int64_t channel) const;
    at::Tensor from_intensities(const at::Tensor& values, int64_t channel) const;
};

/// Any rank.  `target`: a channel's name, or "random".  Throws ConfigError for a name that the shards do not have, DataError where
/// no training case has a channel, or fewer than two channels exist.
SynthesisFacts synthesis_facts(const data::ShardReader& reader, const std::string& target);

/// Channels that hold something: a modality that a case lacks is stored as 0 everywhere.
std::vector<int64_t> available_channels(const data::CaseInfo& info);

/// Which channel a training item generates: the fixed one, else one of `available`, each as likely (purpose target_channel); -1 where
/// there is none, or nothing would be left to generate it from.
int64_t draw_target(const ops::RandomKey& key, const std::vector<int64_t>& available, int64_t fixed);

/// Which channel number `position` of a split's cases is judged on: the fixed one, else the available ones in turn from case to case,
/// so that each gets its share.  -1 as above.
int64_t judged_channel(size_t position, const std::vector<int64_t>& available, int64_t fixed);

}  // namespace vox::tasks
