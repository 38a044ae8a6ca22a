#pragma once
// Prompts of a case on its way into a shard, made of its label map: every connected part of a named value becomes a target.

#include <cstdint>
#include <map>
#include <string>

#include "data/case_data.hpp"
#include "data/label_scheme.hpp"

namespace vox::data {

struct PromptChoice {
    bool make = false;  // of the label maps
    std::map<int, std::string> structures;  // what values of the label maps are called; others become background
    std::string modality;  // "CT", as questions say it; may be empty
    double min_component_mm3 = -1;  // smaller parts become background; negative: kSmallestVoxels of the case's
};

/// "CT, parts of 27 voxels, 1=liver, 2=left lung": all of it, on one line.
std::string describe(const PromptChoice& choice);

/// A part of 3 voxels an edge is the smallest that has an inside.
inline constexpr int64_t kSmallestVoxels = 27;

/// Of cases that were converted now.
struct PromptCounts {
    int64_t cases = 0, cases_without = 0;  // with a target, and without any
    int64_t targets = 0, questions = 0;
    int64_t silent = 0;  // targets that no sentence describes alone
    int64_t small = 0;  // parts that became background for their size
    void add(const PromptCounts& other);
};

/// Replaces the case's label, [D,H,W] of values that `choice.structures` names or not, by one that numbers the connected parts
/// (26 neighbours) of each named value from 1: by value, then in raster order of their first voxels.  `stored_labels` tells of each
/// number the source's value.  Fills info.prompts: sides are the patient's, questions those of `prompts_of`.  A pure function of
/// its arguments.  A case without a label, or without such a part, has no prompts.  Throws DataError, without the case's name, for more
/// than 255 parts.
PromptCounts add_prompts(CaseData& data, const PromptChoice& choice);

/// Of one case.
PromptCounts counts_of(const CasePrompts& prompts, int64_t small = 0);

/// What prompts call the values of a known label scheme; nothing where its values have no name of their own.
std::map<int, std::string> structures_of_scheme(const std::string& scheme);

}  // namespace vox::data
