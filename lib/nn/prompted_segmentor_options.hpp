#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vox::config {
class Section;
}

namespace vox::nn {

struct ModelOptions;

/// How a PromptedSegmentor is built: the section `prompted_segmentor` of a configuration, and what follows from the data.
struct PromptedSegmentorOptions {
    bool flat = false;  // from the data: pictures [B,C,1,H,W]: kernels 1 x k x k; D is left as it is
    int64_t in_channels = 1;  // from the data
    std::vector<int64_t> channels{32, 64, 128, 256};  // at full size, half of it, ...
    std::string norm = "group";
    int64_t norm_groups = 8;  // norm: group
    int64_t token_channels = 256;  // of image tokens, words and points; even
    int64_t heads = 8;  // divides token_channels
    int64_t image_blocks = 0;  // 0: the encoder is convolutions only
    int64_t fusion_blocks = 2;
    int64_t text_blocks = 2;
    int64_t answer_blocks = 2;  // 0: no answers
    double dropout_prob = 0.1;  // of transformer blocks
    int64_t vocabulary_size = 0;  // from the data
    int64_t most_tokens = 32;  // of a prompt
    int64_t most_answer_tokens = 32;
    int64_t position_classes = 17;  // from the data

    /// Takes norm, norm_groups and dropout_prob from `model`, the architecture out of `section`; ConfigError for what cannot be built.
    void read(config::Section& section, const ModelOptions& model);
    /// What is wrong with these options, or an empty text.
    std::string problem() const;
    /// What H and W, and D unless flat, must be multiples of.
    int64_t size_divisor() const { return int64_t{1} << (channels.size() - 1); }
};

}  // namespace vox::nn
