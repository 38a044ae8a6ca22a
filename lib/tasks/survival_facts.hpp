#pragma once
// What a model of survival must know besides its weights.  Kept in checkpoints, so that `infer` needs no training data.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "metrics/survival_curve.hpp"
#include "tasks/survival_columns.hpp"

namespace vox::tasks {

struct SurvivalFacts {
    std::vector<std::string> channels;
    FeatureScaler features;
    /// Of the training cases: how they were censored weighs the figures of others.
    std::vector<metrics::Outcome> training;
    /// metrics::log_baseline_hazard of the training cases under the checkpoint's weights; nothing where the checkpoint is none that was
    /// best at its validation, or of another objective than cox.
    std::optional<metrics::StepCurve> log_hazard;

    /// All but the hazard, and the hazard alone.
    std::map<std::string, std::string> to_texts() const;
    static std::map<std::string, std::string> hazard_texts(const metrics::StepCurve& log_hazard);
    /// Throws DataError for texts that these did not write.
    static SurvivalFacts from_texts(const std::map<std::string, std::string>& texts);
};

/// Any rank: of the training cases.  Throws DataError where one of the data set's cases has no outcome, unless `needs_outcomes` is false.
SurvivalFacts survival_facts(const data::ShardReader& reader, const std::vector<size_t>& training,
                             const std::vector<std::string>& features, bool needs_outcomes,
                             std::vector<std::string>* left_out);

}  // namespace vox::tasks
