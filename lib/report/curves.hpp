#pragma once
// Which charts a run's history gives.

#include <vector>

#include "report/chart.hpp"
#include "report/history.hpp"

namespace vox::report {

/// Of the logged steps: loss and its parts, learning rate, gradient norm, throughput, waiting for data, memory, and one more
/// for every other group of numbers.
std::vector<Chart> training_charts(const History& history);

/// Of the validations: one a group, "dice" first.
std::vector<Chart> validation_charts(const History& history);

/// False for names where less is better: losses, errors, distances.
bool higher_is_better(const std::string& figure);

}  // namespace vox::report
