#pragma once
// Ends a run whose validations no longer get better.

#include <cstdint>
#include <limits>
#include <map>
#include <string>

#include "config/section.hpp"

namespace vox::train {

/// Section `train.early_stopping`: after how many validations without progress a run ends.
struct EarlyStoppingOptions {
    int64_t patience = 0;
    double min_delta = 0;
    std::string min_delta_mode = "absolute";

    void read(config::Section& section);
};

/// Counts validations.  A figure is progress where it is better than the best one so far by more than `min_delta`; the best
/// moves only then, so that slow progress adds up.  After `patience` validations in a row without progress the run is over.
/// The same on all ranks, which all see the same figures: no communication.
class EarlyStopping {
public:
    explicit EarlyStopping(const EarlyStoppingOptions& options) : options_(options) {}

    /// After each validation.  A figure that is not finite is no progress.
    void observe(double figure, bool higher_is_better);
    /// Whether the run ends here.  Never with a patience of 0.
    bool over() const { return options_.patience > 0 && validations_without_progress_ >= options_.patience; }
    /// Why, for log and report; `name` is that of the figure.
    std::string reason(const std::string& name) const;

    /// For Manifest::scalars; empty with a patience of 0.
    std::map<std::string, double> state() const;
    /// Takes it back; scalars without it (a run that did not count so far) leave the count at its beginning.
    void load_state(const std::map<std::string, double>& scalars);

private:
    EarlyStoppingOptions options_;
    double best_ = std::numeric_limits<double>::quiet_NaN();
    int64_t validations_without_progress_ = 0;
};

}  // namespace vox::train
