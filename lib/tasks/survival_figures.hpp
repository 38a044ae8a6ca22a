#pragma once
// How good risks of many cases are, once they are all in one place.  Pure.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "metrics/figures.hpp"
#include "metrics/survival_curve.hpp"
#include "report/chart.hpp"
#include "report/figures_table.hpp"
#include "tasks/survival_options.hpp"
#include "train/task.hpp"

namespace vox::tasks {

/// Cases with what was said of them and what happened.
struct JudgedPeople {
    std::vector<std::string> ids;
    std::vector<double> risks;
    std::vector<metrics::Outcome> outcomes;
};

/// The figures "risk", "time" and "event" of one case, and back.
metrics::Figures person_figures(double risk, const metrics::Outcome& outcome);
JudgedPeople judged_people(std::span<const train::CaseFigures> cases);
/// The cases at `places`, which may come several times.
JudgedPeople chosen(const JudgedPeople& people, const std::vector<size_t>& places);

/// Of risks alone: "c_index" (Harrell), "uno_c_index" up to tau, "auc/<t>" for those of eval_times at which it can be said, "mean_auc".  NaN
/// where a figure is not defined.  `training`: whose censoring weighs.
metrics::Figures risk_figures(const JudgedPeople& people, std::span<const metrics::Outcome> training,
                              const SurvivalOptions& options);

/// Of probabilities S(t) = exp(-H0(t) exp(risk)): "brier/<t>", "ibs" over brier_times, and "ibs_points", how many of them could be used.
metrics::Figures probability_figures(const JudgedPeople& people, std::span<const metrics::Outcome> training,
                                     const metrics::StepCurve& log_hazard, const SurvivalOptions& options);

/// Which of `risk_groups` groups each case is in, 0 the lowest risks: groups of equal size but for one, ties by the order of cases.
std::vector<size_t> groups_by_risk(std::span<const double> risks, int64_t risk_groups);

/// Kaplan and Meier's curves of the groups by risk.
report::Chart kaplan_meier_chart(const JudgedPeople& people, int64_t risk_groups);

/// What evaluate prints: a row a case with its risk, outcome and S(t); figures of all, with intervals that hold 95 % of `bootstrap` resampled
/// sets of cases (drawn by `seed`); of each group by risk how many cases, and S(t) as foretold (mean) beside Kaplan and Meier's.
report::FiguresTable survival_table(const JudgedPeople& people, std::span<const metrics::Outcome> training,
                                    const std::optional<metrics::StepCurve>& log_hazard, const SurvivalOptions& options,
                                    uint64_t seed);

}  // namespace vox::tasks
