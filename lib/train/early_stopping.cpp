#include "train/early_stopping.hpp"

#include <cmath>

#include "core/text.hpp"

namespace vox::train {

void EarlyStoppingOptions::read(config::Section& section) {
    section.value("patience", patience,
                  "end the run after so many validations in a row whose key figure made no progress; 0: never");
    section.value("min_delta", min_delta, "by more than this a figure must beat the best one to count as progress");
    section.choice("min_delta_mode", min_delta_mode, {"absolute", "relative"},
                   "min_delta is a difference, or a share of the best figure");
    section.require(patience >= 0, "patience must be 0 or more");
    section.require(min_delta >= 0, "min_delta must be 0 or more");
}

void EarlyStopping::observe(double figure, bool higher_is_better) {
    const double margin = options_.min_delta * (options_.min_delta_mode == "relative" ? std::abs(best_) : 1.0);
    const double gain = higher_is_better ? figure - best_ : best_ - figure;
    if (std::isfinite(figure) && (std::isnan(best_) || gain > margin)) {
        best_ = figure;
        validations_without_progress_ = 0;
    } else {
        ++validations_without_progress_;
    }
}

std::string EarlyStopping::reason(const std::string& name) const {
    const std::string best = std::isnan(best_) ? "was never a number" : core::concat("is no better than ", best_);
    return core::concat("early stopping: ", name, ' ', best, " after ", validations_without_progress_,
                        " validations without progress");
}

std::map<std::string, double> EarlyStopping::state() const {
    if (options_.patience == 0) return {};
    return {{"early_stopping.best", best_},
            {"early_stopping.without_progress", static_cast<double>(validations_without_progress_)}};
}

void EarlyStopping::load_state(const std::map<std::string, double>& scalars) {
    const auto best = scalars.find("early_stopping.best");
    const auto count = scalars.find("early_stopping.without_progress");
    if (best == scalars.end() || count == scalars.end()) return;
    best_ = best->second;
    validations_without_progress_ = static_cast<int64_t>(count->second);
}

}  // namespace vox::train
