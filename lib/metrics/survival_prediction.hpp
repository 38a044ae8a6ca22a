#pragma once
// How good predictions up to given times are: areas under time-dependent ROC curves, Brier scores.  What censoring hides is made up for by
// weights, 1 over the probability G of not having been censored among `train`.  No communication.
//
// Times at which nothing can be said are left out, and the ones used are returned: a time t is used where somebody's time in `test` is
// t or earlier and somebody's is later, and where G(t) is known and not 0: t is the last time of `train` at most.  Every event up to t has
// a weight then.  Throws InternalError where counts differ, a time is not finite, or the times asked for do not ascend.

#include <span>
#include <vector>

#include "metrics/survival_curve.hpp"

namespace vox::metrics {

/// Of `times`, those that can be used.
std::vector<double> usable_times(std::span<const Outcome> train, std::span<const Outcome> test,
                                 std::span<const double> times);

/// `areas` beside the `times` that are used.  `mean`: the areas averaged over the decrease of Kaplan-Meier's curve of `test` that
/// leads to each time, the first one's from 1; NaN where it does not decrease.
struct DynamicAuc {
    std::vector<double> times, areas;
    double mean = 0;
};

/// At each time t, those with an event up to t (cases, weighted by 1 / G) against those whose time is later than t (controls): the
/// probability that a case is at higher risk, ties half (Uno et al. 2007; scikit-survival's cumulative_dynamic_auc).  Risks tie along a
/// chain of differences of `tied_tolerance` at most.  NaN where there is no case, and everywhere where a risk is not finite.
/// `risks`, one an outcome of `test`: the higher, the earlier the event is expected.
DynamicAuc cumulative_dynamic_auc(std::span<const Outcome> train, std::span<const Outcome> test,
                                  std::span<const double> risks, std::span<const double> times,
                                  double tied_tolerance = 1e-8);

/// `scores` beside the `times` that are used; `integrated`: their integral by the trapezoidal rule, over its length, NaN of fewer than two.
struct BrierScores {
    std::vector<double> times, scores;
    double integrated = 0;
};

/// At each time t, the mean over `test` of the weighted square of what was predicted amiss: S(t)^2 / G(y) of who had an event at y up to
/// t, (1 - S(t))^2 / G(t) of whose time is later than t, 0 of who was censored before (Graf et al. 1999; scikit-survival's brier_score and
/// integrated_brier_score).  `survival` [test, times]: the predicted probability S(t) that no event has happened by t.
BrierScores brier_scores(std::span<const Outcome> train, std::span<const Outcome> test,
                         std::span<const double> survival, std::span<const double> times);

}  // namespace vox::metrics
