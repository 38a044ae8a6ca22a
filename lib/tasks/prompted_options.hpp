#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/section.hpp"

namespace vox::tasks {

/// In which form a network is told what is meant.
enum class PromptForm { words, points, boxes };
const char* name_of(PromptForm form);

/// What a network is asked, and what its answers count: the section `prompted_segmentation` of a configuration.
struct PromptedOptions {
    std::vector<std::string> prompts{"words"};  // words, points, boxes
    double position_weight = 0.1;
    double answer_weight = 0.5;
    double box_jitter = 0.1;
    int64_t validation_questions = 2;

    /// Throws ConfigError.
    void read(config::Section& section);
    std::vector<PromptForm> forms() const;
};

}  // namespace vox::tasks
