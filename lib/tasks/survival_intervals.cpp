#include "tasks/survival_intervals.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "ops/random_key.hpp"

namespace vox::tasks {
namespace {

/// The share `part` of the way through sorted values, between two of them as numpy does it; NaN of none.
double quantile(const std::vector<double>& sorted, double part) {
    if (sorted.empty()) return std::numeric_limits<double>::quiet_NaN();
    const double place = part * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<size_t>(place);
    const size_t above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

metrics::Figures with_intervals(size_t count, int64_t resamples, uint64_t seed,
                                const std::function<metrics::Figures(const std::vector<size_t>&)>& judge) {
    std::vector<size_t> places(count);
    std::iota(places.begin(), places.end(), size_t{0});
    const auto whole = judge(places);
    std::vector<std::vector<double>> values(whole.size());
    const auto people = static_cast<uint32_t>(count);
    for (int64_t i = 0; i < resamples; ++i) {
        const ops::RandomKey key{seed, 0, static_cast<uint32_t>(i), 0};
        for (uint32_t k = 0; k < people; ++k) places[k] = ops::random_below(key, ops::Purpose::bootstrap, 0, k, people);
        for (const auto& [name, value] : judge(places)) {
            const auto at = std::ranges::find(whole, name, [](const auto& entry) { return entry.first; });
            if (at != whole.end() && std::isfinite(value))
                values[static_cast<size_t>(at - whole.begin())].push_back(value);
        }
    }
    metrics::Figures all;
    for (size_t f = 0; f < whole.size(); ++f) {
        all.push_back(whole[f]);
        if (resamples == 0 || whole[f].first == "ibs_points") continue;
        std::ranges::sort(values[f]);
        all.emplace_back(whole[f].first + " 2.5%", quantile(values[f], 0.025));
        all.emplace_back(whole[f].first + " 97.5%", quantile(values[f], 0.975));
    }
    return all;
}

}  // namespace vox::tasks
