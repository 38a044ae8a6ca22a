#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace vox::config {
class Section;
}

namespace vox::nn {

struct ModelOptions;

/// What the network of a stage sees of the X-rays.
struct XrayOptions {
    int64_t img_size = 512;  // rows and columns of a view
    int64_t num_views = 2;  // 1: ap; 2: ap, lateral
    std::string norm = "group";  // of the encoder
    int64_t norm_groups = 8;

    /// Takes img_size and num_views out of `section`; ConfigError for what cannot be built.
    void read(config::Section& section);
    /// What is wrong with these options, or an empty text.
    std::string problem() const;
};

/// "stage1" of 0: how configurations and weights name a stage.
std::string stage_name(size_t index);

/// One network of the cascade.
struct XrayToCtStage {
    std::vector<int64_t> volume_size;  // D, H, W
    int64_t patch_size = 0;  // voxels of a token's edge, a power of two
    int64_t voxel_dim = 0;
    int64_t vit_depth = 0;
    int64_t num_heads = 0;

    void read(config::Section& section);
    std::string problem() const;
    /// How often the strided convolutions halve the volume: the patch is 2^levels.
    int64_t levels() const;
    /// volume_size / patch_size.
    std::array<int64_t, 3> token_grid() const;
    /// Channels of the volume's features at level 0 (full size) to levels() - 1.  Two patches' edge from the tokens there are 64;
    /// each level above has half of them, but never less than 8, the groups of its normalisation.  So a level has four times
    /// the values of the one below it, not eight, and the full size of 256^3 is carried by 8 channels: 0.5 GB in float32.
    std::vector<int64_t> channels() const;

    bool operator==(const XrayToCtStage&) const = default;
};

/// The networks of a cascade from X-rays to a CT volume, each of which makes the volume of the one before it finer.
struct XrayToCtOptions {
    static constexpr size_t kMostStages = 3;

    XrayOptions xray;
    int64_t num_stages = 3;
    std::array<XrayToCtStage, kMostStages> stages = default_stages();
    double dropout_prob = 0.1;
    bool activation_checkpointing = false;

    /// 64^3 with 4 blocks of 256 channels and 4 heads, 128^3 with 6 of 384 and 6, 256^3 with 8 of 512 and 8; all on 16^3 tokens.
    static std::array<XrayToCtStage, kMostStages> default_stages();
    /// Takes the keys out of `section`, those of the stages out of its sections stage1 to stage3; the rest (normalisation, dropout,
    /// checkpointing) is that of `model`, the section of every task's network.  ConfigError for what cannot be built.
    void read(config::Section& section, const ModelOptions& model);
    /// What is wrong with the options taken together, or an empty text.  A stage beyond num_stages must have its defaults: any
    /// other value would change nothing.
    std::string problem() const;
};

}  // namespace vox::nn
