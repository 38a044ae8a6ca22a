#pragma once

#include <cstddef>
#include <vector>

namespace vox::metrics {

/// Pairs rows and columns one to one so that the sum of `gain` over the pairs is as large as possible: for each row its column.
/// gain [rows][columns], not negative, rows <= columns.  (The Hungarian method by shortest augmenting paths, time
/// rows^2 * columns: Kuhn, "The Hungarian method for the assignment problem", 1955; scipy's linear_sum_assignment(gain,
/// maximize=True) has the same sum.)
std::vector<size_t> best_assignment(const std::vector<std::vector<double>>& gain);

}  // namespace vox::metrics
