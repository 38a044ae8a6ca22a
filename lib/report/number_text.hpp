#pragma once
// Numbers and texts as a page shows them.

#include <string>
#include <string_view>

namespace vox::report {

/// Four digits that matter, without trailing zeros: "0.7312", "12.5", "3e-05", "10k", "2.5M"; "not finite" for nan and inf.
std::string number_text(double value);

/// With &, <, >, " and ' replaced, for HTML text and attributes.
std::string escape_html(std::string_view text);

}  // namespace vox::report
