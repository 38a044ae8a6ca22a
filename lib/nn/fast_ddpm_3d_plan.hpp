#pragma once
// What fast_ddpm_3d consists of, before anything is built: for building it and for predicting its memory.

#include <cstdint>
#include <string>
#include <vector>

#include "nn/options.hpp"

namespace vox::nn {

/// One level, which halves the size of the one above.
struct LevelPlan {
    int64_t channels;  // of what its blocks give
    bool has_attention;
    std::vector<int64_t> down_inputs;  // channels that each block of the encoder takes
    std::vector<int64_t> up_inputs;  // of the decoder: what comes from below, and the encoder's of the same place
};

/// From full size down.  `options` have no problem.
std::vector<LevelPlan> fast_ddpm_3d_levels(const ModelOptions& options);

/// A part of the network that activation checkpointing runs again as a whole, or a convolution between two of them.
struct Stage {
    enum class Kind { first, block, halve, enlarge, last };
    Kind kind;
    std::string name;  // as its parameters begin
    int64_t voxels;  // of its output, over the batch
    int64_t in, out;  // channels
    bool has_attention = false;
    bool is_joined = false;  // it takes what comes from below and the encoder's of the same place
    bool is_skip = false;  // its output goes to the decoder too
};

/// In the order in which they run, for `batch` items of `crop` [D,H,W].  `options` as above; InternalError unless the size divisor
/// divides the crop.
std::vector<Stage> fast_ddpm_3d_stages(const ModelOptions& options, int64_t in_channels, int64_t out_channels,
                                       const std::vector<int64_t>& crop, int64_t batch);

}  // namespace vox::nn
