#pragma once
// The style sheet and the script of report.html.

#include <string_view>

namespace vox::report {

extern const std::string_view kPageStyle;
extern const std::string_view kPageScript;

}  // namespace vox::report
