#pragma once
// Out of fold: runs of a cross-validation, each judged on the cases that it did not train on, as one.  Pure.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "metrics/survival_curve.hpp"
#include "report/figures_table.hpp"
#include "tasks/survival_figures.hpp"
#include "tasks/survival_options.hpp"

namespace vox::tasks {

/// What one run foretold, and what it knew of its training cases.
struct ForetoldFold {
    std::string run;  // how the table names it
    JudgedPeople people;
    std::vector<metrics::Outcome> training;
    std::optional<metrics::StepCurve> log_hazard;  // nothing: without S(t)
};

/// A row a case, by id, with its run, risk, outcome and, where every run has them, S(t).  Figures of all, with intervals as survival_table:
/// "c_index/folds", "uno_c_index/folds": the runs' own, weighed by their training cases' censoring, and averaged by numbers of cases, those
/// left out where a run's is not defined; "c_index/pooled", "uno_c_index/pooled": of the raw risks of all; "auc/<t>" of 1 - S(t),
/// "brier/<t>", "ibs", "ibs_points" of all.  What is pooled is weighed by the censoring of all cases judged.  Then cases and
/// concordances of each run.
report::FiguresTable out_of_fold_table(std::span<const ForetoldFold> folds, const SurvivalOptions& options,
                                       uint64_t seed);

}  // namespace vox::tasks
