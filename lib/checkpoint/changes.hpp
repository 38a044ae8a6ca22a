#pragma once

#include <string>
#include <vector>

#include "checkpoint/manifest.hpp"

namespace vox::checkpoint {

/// One line for each thing that makes another run of what follows ("train.optimizer.lr 0.01, was 0.001"): keys of both
/// configurations, and the data set.  Not of sections run, checkpoint and comm, which decide about no number.
std::vector<std::string> changes(const Manifest& saved, const Manifest& now);

/// Throws ConfigError where the run would go on with other folds than it was saved with: it has learnt of cases that it would be validated
/// with from then on, which no later figure shows.
void check_same_folds(const Manifest& saved, const Manifest& now);

}  // namespace vox::checkpoint
