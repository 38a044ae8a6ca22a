#pragma once
// What a conversion reads: the cases of its input, and what tells that one of them has changed.

#include <string>

#include "data/convert.hpp"
#include "data/layouts.hpp"

namespace vox::data {

/// The cases of `options.input` as its layout finds them.  Throws UsageError for an unknown layout, else as the layouts do.
Listing list_cases(const ConvertOptions& options);

/// Changes when a source file, what a table says of the case, or the way of converting changes; equal ones need no second conversion.
std::string fingerprint(const CaseFiles& files, const ConvertOptions& options);

}  // namespace vox::data
