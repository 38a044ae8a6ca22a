#pragma once
// Outcomes of people who were followed for a while, and what they say about time alone: Kaplan-Meier's curve, the distribution of
// censoring, the log-rank test.  Times have any unit, the same one everywhere.  No communication.

#include <cstdint>
#include <span>
#include <vector>

namespace vox::metrics {

/// Somebody's event, or, where there was none, the end of the time in which one would have been seen.
struct Outcome {
    double time = 0;
    bool event = false;
};

/// What happened at one time.  Events come before censoring at the same time: who is censored then was still at risk.
struct TimeCount {
    double time = 0;
    int64_t events = 0, censored = 0;
    int64_t at_risk = 0;  // those whose time is this one or later
};

/// One a distinct time, ascending; nothing where there are no outcomes.  Throws InternalError where a time is not finite.
std::vector<TimeCount> count_times(std::span<const Outcome> outcomes);

/// A function that jumps at `times`, ascending, to the value beside each, and stays there until the next; `before` the first.
struct StepCurve {
    std::vector<double> times, values;
    double before = 0;
    double at(double time) const;  // after the last time: the last value
};

/// The probability S(t) that no event has happened by t, t included (Kaplan and Meier 1958): the product over times up to t of
/// 1 - events / at risk.  1 before the first time, and everywhere where there are no outcomes.
StepCurve kaplan_meier(std::span<const Outcome> outcomes);

/// The probability G(t) that nobody has stopped watching by t, t included: Kaplan-Meier's curve of censoring.  Events come first: who
/// has one at t is not among those who could still be censored at t.  Equal to scikit-survival's CensoringDistributionEstimator.
StepCurve censoring_curve(std::span<const Outcome> outcomes);

/// What somebody seen at `time` stands for: 1 / G(time), all those who would have been seen there without censoring.  0 where G is 0, or
/// unknown, as it is after the last time of the curve.
double censoring_weight(const StepCurve& censoring, double time);

/// Whether two groups have the same hazard (Mantel 1966): chi^2 with one degree of freedom, and the probability of one at least as large
/// where they have.  `observed` events of group a, and as many as were `expected`.  Statistic and p are NaN where no event happens while
/// both groups are at risk.
struct LogRank {
    double statistic = 0, p = 0;
    double observed = 0, expected = 0;
};
LogRank log_rank_test(std::span<const Outcome> a, std::span<const Outcome> b);

}  // namespace vox::metrics
