#pragma once
// What may be asked of a case as the JSON text that shards keep.  Field by field: lib/data/README.md.

#include <string>

#include "data/case_info.hpp"

namespace vox::data {

/// The same text for the same prompts.  Throws DataError for text that is not UTF-8.
std::string prompts_to_text(const CasePrompts& prompts);
/// Throws DataError, without a place, for anything but what `prompts_to_text` makes; whether it fits a case says `check_prompts`.
CasePrompts prompts_from_text(const std::string& text);

/// Throws DataError, without the case's name, unless info.prompts fits the case and the format's limits: values of its label that
/// ascend, boxes within its grid, inner voxels within their boxes, classes of its space, questions of targets that are there.
void check_prompts(const CaseInfo& info);

}  // namespace vox::data
