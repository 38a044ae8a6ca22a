#pragma once
// From risks to probabilities: the hazard that all share in a Cox model, whose risk multiplies it.  No communication.

#include <span>

#include "metrics/survival_curve.hpp"

namespace vox::metrics {

/// The logarithm of Breslow's baseline cumulative hazard, H0(t) = sum over times up to t of events / sum of exp(risk) of those at risk,
/// who are those whose time is that one or later, events and censored alike (Breslow 1972; BreslowEstimator of scikit-survival).  It is a
/// logarithm so that risks of any size neither overflow nor vanish.  Minus infinity before the first event, and everywhere where there
/// is none.  `risks`, one an outcome: log hazard ratios.  Throws InternalError where counts differ, or a time or a risk is not finite.
StepCurve log_baseline_hazard(std::span<const Outcome> outcomes, std::span<const double> risks);

/// S(t|x) = exp(-H0(t) exp(risk)): the probability that somebody of that risk has had no event by `time`.
double survival_probability(const StepCurve& log_hazard, double risk, double time);

}  // namespace vox::metrics
