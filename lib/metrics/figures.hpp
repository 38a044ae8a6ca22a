#pragma once

#include <string>
#include <utility>
#include <vector>

namespace vox::metrics {

/// Named results in the order in which tables show them.  NaN stands for "not defined for this case"; a list of any length
/// goes as numbers of one name.
using Figures = std::vector<std::pair<std::string, double>>;

}  // namespace vox::metrics
