#include "tasks/survival_options.hpp"

#include <algorithm>
#include <cmath>

#include "core/text.hpp"

namespace vox::tasks {

void SurvivalOptions::read(config::Section& section) {
    section.choice(
        "objective", objective, {"cox", "concordance", "regression"},
        "cox: the partial likelihood; concordance: pairs in the right order; regression: no outcome, but the "
        "table's numbers by their mean squared error, to start another run from (train.init_from)");
    section.choice("ties", ties, {"breslow", "efron"}, "cox: what several events at one time count");
    section.value("features", features,
                  "columns of the table that go into resnet_3d.tabular, or, with objective: regression, are foretold; "
                  "[auto]: all but time, event and folds");
    section.value(
        "events_per_batch", events_per_batch,
        "cases with an event that every global micro-batch holds at least; an epoch still has each case once");
    section.value("freeze_epochs", freeze_epochs,
                  "epochs in which only the last layers learn (fusion and fc); the phase is named head");
    section.value("eval_times", eval_times,
                  "times of areas under the ROC curve, Brier scores and S(t), in the unit of the column time, rising");
    section.value("brier_points", brier_points,
                  "times from 0 to the last of eval_times over which Brier scores are integrated, those without "
                  "follow-up left out");
    section.value("uno_tau", uno_tau,
                  "events at this time or later do not count for Uno's index; 0: the last of eval_times");
    section.value("risk_groups", risk_groups,
                  "groups of equal size, by foretold risk, whose Kaplan-Meier curves are drawn and compared with what "
                  "was foretold");
    section.value("bootstrap", bootstrap, "resampled sets of cases behind the intervals of evaluate; 0: none");
    section.require(events_per_batch >= 0, "events_per_batch must not be negative");
    section.require(events_per_batch == 0 || !is_regression(),
                    "events_per_batch changes nothing that objective: regression learns; leave it out");
    section.require(ties == "efron" || objective == "cox",
                    core::concat("ties is of objective: cox, not of ", objective));
    section.require(freeze_epochs >= 0, "freeze_epochs must not be negative");
    const bool rising = std::ranges::adjacent_find(eval_times, std::greater_equal<>()) == eval_times.end();
    const bool all_finite =
        std::ranges::all_of(eval_times, [](double time) { return std::isfinite(time) && time > 0; });
    section.require(!eval_times.empty() && rising && all_finite,
                    core::concat("eval_times: [", core::join(eval_times), "] must be positive numbers that rise"));
    section.require(brier_points >= 2 && brier_points <= 100000, "brier_points must be 2 to 100000");
    section.require(std::isfinite(uno_tau) && uno_tau >= 0, "uno_tau must not be negative");
    section.require(risk_groups >= 2 && risk_groups <= 10, "risk_groups must be 2 to 10");
    section.require(bootstrap >= 0 && bootstrap <= 1000000, "bootstrap must be 0 to 1000000");
}

std::vector<double> SurvivalOptions::brier_times() const {
    std::vector<double> times;
    for (int64_t i = 0; i < brier_points; ++i)
        times.push_back(eval_times.back() * static_cast<double>(i) / static_cast<double>(brier_points - 1));
    return times;
}

}  // namespace vox::tasks
