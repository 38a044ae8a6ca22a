#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/section.hpp"

namespace vox::tasks {

/// What of a case's outcome is learnt, and how well it is foretold: the section `survival` of a configuration.  Times have the unit of the
/// data set's column `time`.
struct SurvivalOptions {
    std::string objective = "cox";  // cox, concordance, regression
    std::string ties = "efron";  // breslow, efron
    std::vector<std::string> features{"auto"};  // columns of the table; auto: all but outcomes and folds; none: []
    int64_t events_per_batch = 0;
    int64_t freeze_epochs = 0;
    std::vector<double> eval_times{1, 2, 3, 4, 5};
    int64_t brier_points = 51;
    double uno_tau = 0;
    int64_t risk_groups = 2;
    int64_t bootstrap = 1000;

    /// Throws ConfigError.
    void read(config::Section& section);
    /// Pairs whose first event comes later do not count for Uno's concordance index.
    double tau() const { return uno_tau > 0 ? uno_tau : eval_times.back(); }
    /// The times at which Brier scores are integrated: brier_points from 0 to the last of eval_times, equally far apart.
    std::vector<double> brier_times() const;
    bool is_regression() const { return objective == "regression"; }
};

}  // namespace vox::tasks
