#pragma once
// How often who is said to be at higher risk has the event first.  No communication: the pairs are those of all cases, so that a mean of
// ranks' figures would be another one.

#include <cstdint>
#include <limits>
#include <span>

#include "metrics/survival_curve.hpp"

namespace vox::metrics {

/// A pair is comparable where the one's event is known to have come first: its time is smaller, or it is the same and the other is censored
/// there.  Two events at one time are not comparable.
struct Concordance {
    /// (concordant + tied_risk / 2) / comparable, or its weighted form; NaN where nothing is comparable or a risk is not finite.
    double index = 0;
    int64_t concordant = 0,
            discordant = 0;  // comparable pairs in which who had the event is at higher risk, at lower risk
    int64_t tied_risk = 0;  // comparable pairs whose risks differ by `tied_tolerance` at most
    int64_t tied_time = 0;  // comparable pairs with one time: an event and somebody censored there
    int64_t comparable() const { return concordant + discordant + tied_risk; }
};

inline constexpr double kTiedTolerance = 1e-8;

/// Harrell's concordance index.  `risks`, one an outcome: the higher, the earlier the event is expected.  Equal to scikit-survival's
/// concordance_index_censored.  O(n log n).  Throws InternalError where counts differ.
Concordance harrell_concordance(std::span<const Outcome> outcomes, std::span<const double> risks,
                                double tied_tolerance = kTiedTolerance);

/// Uno's: each comparable pair counts 1 / G(t)^2, t the time of its event and G the distribution of censoring among `train`, so that the
/// figure does not depend on when people were censored (Uno et al. 2011; scikit-survival's concordance_index_ipcw).  Pairs whose event
/// comes at `tau` or later do not count, nor do those for which G is 0 or unknown, as it is after the last time of `train`.  The counts are
/// of the pairs that count.
Concordance uno_concordance(std::span<const Outcome> train, std::span<const Outcome> test,
                            std::span<const double> risks, double tau = std::numeric_limits<double>::infinity(),
                            double tied_tolerance = kTiedTolerance);

}  // namespace vox::metrics
