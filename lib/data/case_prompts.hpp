#pragma once
// What may be asked of a case: parts of its label map, and questions that mean one of them.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/geometry.hpp"
#include "data/prompt_position.hpp"

namespace vox::data {

/// A part of an image that a question may mean: the voxels of one value of the label map.
struct PromptTarget {
    int64_t value = 0;  // 1 to 255
    std::string structure;  // what it is called; empty where nobody says
    core::Box box;  // the smallest that holds it, in voxels of the case
    core::Index3 inside{};  // a voxel of it, near its middle: D,H,W
    int64_t position = -1;  // position_class; -1: none of them, or two
    bool operator==(const PromptTarget&) const = default;
};

struct PromptQuestion {
    size_t target = 0;  // into CasePrompts::targets
    std::string question, answer;  // no answer: empty
    bool operator==(const PromptQuestion&) const = default;
};

struct CasePrompts {
    PositionSpace space = PositionSpace::patient;
    std::string modality;  // "CT", as questions say it; may be empty
    std::vector<PromptTarget> targets;  // by value
    std::vector<PromptQuestion> questions;  // by target
    bool empty() const { return targets.empty(); }
    bool operator==(const CasePrompts&) const = default;
};

}  // namespace vox::data
