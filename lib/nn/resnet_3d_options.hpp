#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/tabular_fusion_options.hpp"

namespace vox::config {
class Section;
}

namespace vox::nn {

struct ModelOptions;

/// Which 3-D ResNet, and how it is built.  Keys and defaults are those of MONAI's function of the architecture's name.  Weights of
/// MedicalNet are of resnet10, 50, 101, 152 and 200 with shortcut_type B and bias_downsample false, or of resnet18 and 34 with
/// shortcut_type A; all with conv1_t_stride 2 and one input channel.
struct ResNet3dOptions {
    std::string architecture = "resnet50";
    std::vector<int64_t> block_inplanes{64, 128, 256, 512};
    int64_t conv1_t_size = 7;
    int64_t conv1_t_stride = 1;
    bool no_max_pool = false;
    std::string shortcut_type = "B";
    bool bias_downsample = true;  // of shortcut B
    std::string norm = "batch";
    int64_t norm_groups = 8;
    TabularFusionOptions tabular;
    bool activation_checkpointing = false;
    bool channels_last_3d = false;

    /// Takes norm, norm_groups, activation_checkpointing and channels_last_3d from `model`, the other keys out of `section`;
    /// ConfigError for what cannot be built.
    void read(config::Section& section, const ModelOptions& model);
    /// What is wrong with these options taken together, or an empty text.  A key that would change nothing is.
    std::string problem() const;

    /// Blocks of each of the four stages.
    const std::vector<int64_t>& blocks() const;
    /// Whether blocks are 1x1x1, 3x3x3, 1x1x1 and widen to four times their planes; else 3x3x3 twice.
    bool is_bottleneck() const;
    /// Channels that each stage gives.
    std::vector<int64_t> stage_channels() const;
};

}  // namespace vox::nn
