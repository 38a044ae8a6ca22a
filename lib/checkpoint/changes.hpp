#pragma once

#include <string>
#include <vector>

#include "checkpoint/manifest.hpp"

namespace vox::checkpoint {

/// One line for each thing that makes another run of what follows ("train.optimizer.lr 0.01, was 0.001"): keys of both
/// configurations, and the data set.  Not of sections run, checkpoint and comm, which decide about no number.
std::vector<std::string> changes(const Manifest& saved, const Manifest& now);

}  // namespace vox::checkpoint
