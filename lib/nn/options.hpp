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

/// Which network, and how it is built: the section `model` of a configuration.  The defaults are MONAI's BraTS SegResNet.
struct ModelOptions {
    std::string name = "segresnet";
    int64_t init_filters = 16;
    std::vector<int64_t> blocks_down{1, 2, 2, 4};
    std::vector<int64_t> blocks_up{1, 1, 1};
    std::string norm = "group";
    int64_t norm_groups = 8;
    double dropout_prob = 0.2;
    bool activation_checkpointing = false;
    bool channels_last_3d = false;

    /// Takes the keys out of `section` and checks them: ConfigError for what cannot be built.
    void read(config::Section& section);
    /// What is wrong with these options taken together, or an empty text.
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
