#include "tasks/survival_columns.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/survival_cells.hpp"

namespace vox::tasks {
namespace {

using core::concat;
using core::DataError;

constexpr size_t kMostCategories = 32;

/// Nothing for a text that is no finite number.
std::optional<double> number_of(const std::string& text) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || !std::isfinite(value)) return std::nullopt;
    return value;
}

const std::string& text_of(const data::CaseInfo& info, const std::string& column) {
    static const std::string none;
    const auto found = info.columns.find(column);
    return found == info.columns.end() ? none : found->second;
}

bool is_fold(const std::set<std::string>& values) {
    return std::ranges::all_of(values, [](const std::string& value) { return data::split_of(value).problem.empty(); });
}

/// "id", "patient_id", "BraTS20ID": numbers and texts that tell cases apart and say nothing of others.
bool names_cases(const std::string& name) {
    for (const char* end : {"_id", "_ID", " id", " ID", "-id", "-ID", "ID"})
        if (name.ends_with(end)) return true;
    return name == "id" || name == "Id";
}

/// What a column may be: `column`, or why it cannot be used.
struct Judgement {
    FeatureColumn column;
    std::string problem;
};

Judgement judge(const std::string& name, const std::vector<std::string>& texts) {
    FeatureColumn column{.name = name, .mean = 0, .standard_deviation = 1, .categories = {}};
    const std::set<std::string> different(texts.begin(), texts.end());
    if (different.size() < 2)
        return {column, different.empty() ? "no training case has a value" : "all training cases have one value"};
    if (is_fold(different)) return {column, "it says which fold a case is in"};
    std::vector<double> numbers;
    for (const auto& text : texts)
        if (const auto number = number_of(text)) numbers.push_back(*number);
    if (numbers.size() < texts.size()) {
        if (different.size() > kMostCategories)
            return {column, concat(different.size(), " different texts are too many to be categories (",
                                   kMostCategories, " at most)")};
        column.categories.assign(different.begin(), different.end());
        return {column, ""};
    }
    const auto count = static_cast<double>(numbers.size());
    for (const double number : numbers) column.mean += number / count;
    double squares = 0;
    for (const double number : numbers) squares += (number - column.mean) * (number - column.mean) / count;
    column.standard_deviation = std::sqrt(squares);
    if (!(column.standard_deviation > 0) || !std::isfinite(column.standard_deviation))
        return {column, "its numbers have no spread"};
    return {column, ""};
}

}  // namespace

metrics::Outcome outcome_of(const data::CaseInfo& info) {
    const auto time = number_of(text_of(info, "time"));
    const auto& event = text_of(info, "event");
    if (time && *time >= 0 && (event == "0" || event == "1")) return {*time, event == "1"};
    throw DataError(concat("case ", info.id, " has the time '", text_of(info, "time"), "' and the event '", event,
                           "': survival needs a number that is not negative, and 0 or 1; convert_dataset --layout "
                           "survival takes them from a table"));
}

FeatureScaler FeatureScaler::fit(const data::ShardReader& reader, const std::vector<size_t>& cases,
                                 const std::vector<std::string>& names, std::vector<std::string>* left_out) {
    std::map<std::string, std::vector<std::string>> texts;  // by column, those that are not missing
    for (const size_t index : cases)
        for (const auto& [name, text] : reader.cases()[index].columns) {
            auto& all = texts[name];
            if (!text.empty()) all.push_back(text);
        }
    texts.erase("time");
    texts.erase("event");
    const auto judged = [&](const std::string& name, const std::vector<std::string>& values) {
        auto found = judge(name, values);
        if (name == reader.folds().column) found.problem = "data.fold_column takes it";
        return found;
    };
    std::vector<FeatureColumn> columns;
    if (names == std::vector<std::string>{"auto"}) {
        for (const auto& [name, values] : texts) {
            auto [column, problem] = judged(name, values);
            if (names_cases(name)) problem = "it names cases; to use it say so in survival.features";
            if (problem.empty())
                columns.push_back(std::move(column));
            else if (left_out != nullptr)
                left_out->push_back(concat(name, ": ", problem));
        }
        return FeatureScaler(std::move(columns));
    }
    std::vector<std::string> known;
    for (const auto& [name, values] : texts) known.push_back(name);
    for (const auto& name : names) {
        const auto found = texts.find(name);
        if (found == texts.end())
            throw DataError(concat("survival.features: the training cases have no column '", name, "'; they have ",
                                   core::join(known)));
        auto [column, problem] = judged(name, found->second);
        if (!problem.empty()) throw DataError(concat("survival.features: ", name, ": ", problem, "; leave it out"));
        columns.push_back(std::move(column));
    }
    return FeatureScaler(std::move(columns));
}

std::vector<double> FeatureScaler::row(const data::CaseInfo& info) const {
    std::vector<double> values;
    for (const auto& column : columns_) {
        const auto& text = text_of(info, column.name);
        if (!column.categories.empty()) {
            for (const auto& category : column.categories) values.push_back(text == category ? 1.0 : 0.0);
            continue;
        }
        const auto number = number_of(text);
        if (!number && !text.empty())
            throw DataError(concat("case ", info.id, ": its column '", column.name, "' is '", text,
                                   "', but the training cases had numbers there"));
        values.push_back(number ? (*number - column.mean) / column.standard_deviation : 0.0);
    }
    return values;
}

std::vector<std::pair<std::string, double>> FeatureScaler::in_units(const std::vector<double>& row) const {
    core::check(std::ssize(row) == width(), "a row has as many values as the table's columns give");
    std::vector<std::pair<std::string, double>> named;
    auto value = row.begin();
    for (const auto& column : columns_) {
        if (column.categories.empty())
            named.emplace_back(column.name, *value++ * column.standard_deviation + column.mean);
        for (const auto& category : column.categories) named.emplace_back(concat(column.name, "=", category), *value++);
    }
    return named;
}

int64_t FeatureScaler::width() const {
    int64_t width = 0;
    for (const auto& column : columns_)
        width += column.categories.empty() ? 1 : static_cast<int64_t>(column.categories.size());
    return width;
}

}  // namespace vox::tasks
