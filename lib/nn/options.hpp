#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vox::config {
class Section;
}
namespace vox::comm {
class Communicator;
}

namespace vox::nn {

/// Which network, and how it is built: the section `model` of a configuration.  The defaults are those of the network named:
/// MONAI's BraTS SegResNet, the residual U-Net of Prostate158, the 3-D network of Fast-DDPM, or, with options of their own beside these,
/// MONAI's 3-D ResNets (ResNet3dOptions), the cascade from X-rays to CT (XrayToCtOptions) and a network that is asked
/// (PromptedSegmentorOptions).
struct ModelOptions {
    std::string name = "segresnet";
    int64_t init_filters = 16;  // segresnet
    std::vector<int64_t> blocks_down{1, 2, 2, 4};  // segresnet
    std::vector<int64_t> blocks_up{1, 1, 1};  // segresnet
    std::vector<int64_t> channels{16, 32, 64, 128, 256, 512};  // unet
    std::vector<int64_t> strides{2, 2, 2, 2, 2};  // unet
    int64_t num_res_units = 4;  // unet
    int64_t base_channels = 64;  // fast_ddpm_3d
    std::vector<int64_t> channel_multipliers{1, 2, 4};  // fast_ddpm_3d
    int64_t num_res_blocks = 2;  // fast_ddpm_3d
    std::vector<int64_t> attention_levels;  // fast_ddpm_3d; 0 is full size
    std::string norm = "group";
    int64_t norm_groups = 8;  // segresnet, fast_ddpm_3d, resnet_3d, xray_to_ct, prompted_segmentor
    double dropout_prob = 0.2;
    bool activation_checkpointing = false;
    bool channels_last_3d = false;

    /// The defaults of the network `name`; those of segresnet for a name that there is not.
    static ModelOptions of(const std::string& name);
    /// Takes the keys out of `section` and checks them: ConfigError for what cannot be built.  Where it names another network
    /// than these options do, that one's defaults come first.
    void read(config::Section& section);
    /// What sizes of crops and windows must be multiples of.
    int64_t size_divisor() const;
    /// What is wrong with these options taken together, or an empty text.  A key of another network than the named one must
    /// have its default: any other value would change nothing.
    std::string problem() const;
};

/// What a network must know that is not a choice: it follows from the data, the task and the job.
struct ModelContext {
    int64_t in_channels = 4;
    int64_t out_channels = 3;
    uint64_t seed = 0;  // initial weights are a pure function of it
    comm::Communicator* communicator = nullptr;  // for norm: sync_batch; must outlive the model
};

}  // namespace vox::nn
