#include "metrics/survival_baseline.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "core/error.hpp"

namespace vox::metrics {
namespace {

constexpr double kNothing = -std::numeric_limits<double>::infinity();  // log 0

/// log(exp(a) + exp(b)).
double log_sum(double a, double b) {
    const double larger = std::max(a, b), smaller = std::min(a, b);
    return smaller == kNothing ? larger : larger + std::log1p(std::exp(smaller - larger));
}

}  // namespace

StepCurve log_baseline_hazard(std::span<const Outcome> outcomes, std::span<const double> risks) {
    core::check(outcomes.size() == risks.size(), "baseline hazard: one risk an outcome is needed");
    core::check(std::ranges::all_of(risks, [](double risk) { return std::isfinite(risk); }),
                "baseline hazard: a risk is not finite");
    const auto counts = count_times(outcomes);
    std::vector<size_t> order(outcomes.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::sort(order, [&](size_t a, size_t b) { return outcomes[a].time < outcomes[b].time; });

    // The risk of all who are left, from the last time on.
    std::vector<double> at_risk(counts.size());
    double sum = kNothing;
    size_t next = order.size();
    for (size_t i = counts.size(); i-- > 0;) {
        for (; next > 0 && outcomes[order[next - 1]].time == counts[i].time; --next)
            sum = log_sum(sum, risks[order[next - 1]]);
        at_risk[i] = sum;
    }
    StepCurve curve;
    curve.before = kNothing;
    double hazard = kNothing;
    for (size_t i = 0; i < counts.size(); ++i) {
        if (counts[i].events > 0)
            hazard = log_sum(hazard, std::log(static_cast<double>(counts[i].events)) - at_risk[i]);
        curve.times.push_back(counts[i].time);
        curve.values.push_back(hazard);
    }
    return curve;
}

double survival_probability(const StepCurve& log_hazard, double risk, double time) {
    return std::exp(-std::exp(log_hazard.at(time) + risk));
}

}  // namespace vox::metrics
