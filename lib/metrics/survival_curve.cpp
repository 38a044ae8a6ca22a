#include "metrics/survival_curve.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"

namespace vox::metrics {

std::vector<TimeCount> count_times(std::span<const Outcome> outcomes) {
    std::vector<Outcome> sorted(outcomes.begin(), outcomes.end());
    for (const auto& outcome : sorted) core::check(std::isfinite(outcome.time), "survival: a time is not finite");
    std::ranges::sort(sorted, {}, &Outcome::time);
    std::vector<TimeCount> counts;
    for (size_t i = 0; i < sorted.size(); ++i) {
        if (counts.empty() || counts.back().time != sorted[i].time)
            counts.push_back({.time = sorted[i].time, .at_risk = static_cast<int64_t>(sorted.size() - i)});
        ++(sorted[i].event ? counts.back().events : counts.back().censored);
    }
    return counts;
}

double StepCurve::at(double time) const {
    const auto next = std::ranges::upper_bound(times, time);
    return next == times.begin() ? before : values[static_cast<size_t>(next - times.begin() - 1)];
}

namespace {

StepCurve product_limit(std::span<const Outcome> outcomes, bool of_censoring) {
    StepCurve curve;
    curve.before = 1;
    double left = 1;
    for (const auto& count : count_times(outcomes)) {
        const int64_t gone = of_censoring ? count.censored : count.events;
        const int64_t could_go = of_censoring ? count.at_risk - count.events : count.at_risk;
        if (gone > 0) left *= 1 - static_cast<double>(gone) / static_cast<double>(could_go);
        curve.times.push_back(count.time);
        curve.values.push_back(left);
    }
    return curve;
}

}  // namespace

StepCurve kaplan_meier(std::span<const Outcome> outcomes) { return product_limit(outcomes, false); }

StepCurve censoring_curve(std::span<const Outcome> outcomes) { return product_limit(outcomes, true); }

double censoring_weight(const StepCurve& censoring, double time) {
    const bool known = !censoring.times.empty() && time <= censoring.times.back();
    const double left = censoring.at(time);
    return known && left > 0 ? 1 / left : 0;
}

LogRank log_rank_test(std::span<const Outcome> a, std::span<const Outcome> b) {
    std::vector<Outcome> both(a.begin(), a.end());
    both.insert(both.end(), b.begin(), b.end());
    const auto of_a = count_times(a);
    LogRank result;
    double variance = 0;
    size_t next = 0;  // the first time of a that is not over
    for (const auto& count : count_times(both)) {
        while (next < of_a.size() && of_a[next].time < count.time) ++next;
        const bool now = next < of_a.size() && of_a[next].time == count.time;
        const double in_a = next < of_a.size() ? static_cast<double>(of_a[next].at_risk) : 0;
        const auto all = static_cast<double>(count.at_risk), events = static_cast<double>(count.events);
        if (now) result.observed += static_cast<double>(of_a[next].events);
        result.expected += events * in_a / all;
        if (all > 1) variance += in_a * (all - in_a) * events * (all - events) / (all * all * (all - 1));
    }
    const double difference = result.observed - result.expected;
    result.statistic = variance > 0 ? difference * difference / variance : std::nan("");
    result.p = std::erfc(std::sqrt(result.statistic / 2));
    return result;
}

}  // namespace vox::metrics
