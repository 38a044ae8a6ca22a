#pragma once
// How far figures of many cases may be from those of others like them.  Pure.

#include <cstdint>
#include <functional>
#include <vector>

#include "metrics/figures.hpp"

namespace vox::tasks {

/// Each figure that `judge` gives of the cases at 0 .. count - 1, followed by the bounds "<name> 2.5%" and "<name> 97.5%" over
/// `resamples` sets of as many places, drawn with replacement by `seed` (Efron's percentile method); a set without the figure does not
/// count.  Without bounds: "ibs_points", and everything where `resamples` is 0.
metrics::Figures with_intervals(size_t count, int64_t resamples, uint64_t seed,
                                const std::function<metrics::Figures(const std::vector<size_t>&)>& judge);

}  // namespace vox::tasks
