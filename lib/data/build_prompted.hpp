#pragma once
// A picture with its questions on its way into a shard: layout prompted.

#include <optional>
#include <string>

#include "data/build_prompts.hpp"
#include "data/case_data.hpp"
#include "data/layouts.hpp"

namespace vox::data {

/// [C,1,H,W] of the picture, row 0 at its top, and a label that numbers its masks from 1 in the order in which `files.asked` names
/// them; a mask is what is brighter than half of its range in any colour.  info.prompts has a target a mask, sides are the
/// image's, and the questions of `files.asked`.  Throws DataError that lists every line (FILE:LINE) whose mask is unreadable, empty,
/// of another size, or overlaps another's, or whose position says another side than its mask lies at, or the centre.
CaseData build_prompted_case(const CaseFiles& files, const std::string& modality);

/// Whether a text of a place names a side of an image, or its centre, where `position` is not: "near the centre" names none.
bool contradicts(const std::string& text, const PromptPosition& position);

}  // namespace vox::data
