#include "tasks/survival_facts.hpp"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/text.hpp"
#include "tasks/fact_texts.hpp"

namespace vox::tasks {
namespace {

using Json = nlohmann::ordered_json;  // writes the shortest decimals that are read back to the same bits

constexpr const char* kTask = "survival";

Json column_to_json(const FeatureColumn& column) {
    if (!column.categories.empty()) return {{"name", column.name}, {"categories", column.categories}};
    return {{"name", column.name}, {"mean", column.mean}, {"standard_deviation", column.standard_deviation}};
}

FeatureColumn column_from_json(const Json& json) {
    FeatureColumn column{.name = json.at("name"), .mean = 0, .standard_deviation = 1, .categories = {}};
    if (json.contains("categories")) {
        column.categories = json.at("categories");
    } else {
        column.mean = json.at("mean");
        column.standard_deviation = json.at("standard_deviation");
    }
    return column;
}

metrics::StepCurve curve_from_json(const Json& json) {
    metrics::StepCurve curve{json.at("times"), json.at("log_hazards"), -std::numeric_limits<double>::infinity()};
    if (curve.times.size() != curve.values.size())
        throw core::DataError("the checkpoint's baseline hazard has other times than values");
    return curve;
}

}  // namespace

std::map<std::string, std::string> SurvivalFacts::to_texts() const {
    Json columns = Json::array(), times = Json::array(), events = Json::array();
    for (const auto& column : features.columns()) columns.push_back(column_to_json(column));
    for (const auto& outcome : training) {
        times.push_back(outcome.time);
        events.push_back(outcome.event ? 1 : 0);
    }
    return {{"channels", core::join(channels, ",")},
            {"features", columns.dump()},
            {"training_outcomes", Json{{"times", times}, {"events", events}}.dump()}};
}

std::map<std::string, std::string> SurvivalFacts::hazard_texts(const metrics::StepCurve& log_hazard) {
    Json times = Json::array(), values = Json::array();
    for (size_t i = 0; i < log_hazard.times.size(); ++i) {
        if (!std::isfinite(log_hazard.values[i])) continue;  // before the first event
        times.push_back(log_hazard.times[i]);
        values.push_back(log_hazard.values[i]);
    }
    return {{"baseline_hazard", Json{{"times", times}, {"log_hazards", values}}.dump()}};
}

SurvivalFacts SurvivalFacts::from_texts(const std::map<std::string, std::string>& texts) {
    SurvivalFacts facts;
    facts.channels = split_text(fact_of(texts, "channels", kTask));
    try {
        std::vector<FeatureColumn> columns;
        for (const auto& column : Json::parse(fact_of(texts, "features", kTask)))
            columns.push_back(column_from_json(column));
        facts.features = FeatureScaler(std::move(columns));
        const Json outcomes = Json::parse(fact_of(texts, "training_outcomes", kTask));
        for (size_t i = 0; i < outcomes.at("times").size(); ++i)
            facts.training.push_back({outcomes.at("times").at(i), outcomes.at("events").at(i) == 1});
        if (const auto hazard = texts.find("baseline_hazard"); hazard != texts.end())
            facts.log_hazard = curve_from_json(Json::parse(hazard->second));
    } catch (const Json::exception& error) {
        throw core::DataError(core::concat("what the checkpoint says of its table cannot be read: ", error.what()));
    }
    return facts;
}

SurvivalFacts survival_facts(const data::ShardReader& reader, const std::vector<size_t>& training,
                             const std::vector<std::string>& features, bool needs_outcomes,
                             std::vector<std::string>* left_out) {
    SurvivalFacts facts;
    facts.channels = reader.channel_names();
    if (needs_outcomes) {
        for (const auto& info : reader.cases()) outcome_of(info);
        for (const size_t index : training) facts.training.push_back(outcome_of(reader.cases()[index]));
    }
    facts.features = FeatureScaler::fit(reader, training, features, left_out);
    return facts;
}

}  // namespace vox::tasks
