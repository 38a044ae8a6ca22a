#include "tasks/survival_folds.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace vox::tasks {
namespace {

double value_of(const report::FiguresTable& table, const std::string& name) {
    for (const auto& [key, value] : table.all_cases)
        if (key == name) return value;
    ADD_FAILURE() << "no figure " << name;
    return std::nan("");
}

bool has(const report::FiguresTable& table, const std::string& name) {
    return std::ranges::any_of(table.all_cases, [&](const auto& entry) { return entry.first == name; });
}

/// Events at these times, foretold with these risks by a run whose baseline probability is 1/2 from 1 on.
ForetoldFold fold(const std::string& run, const std::vector<std::string>& ids, const std::vector<double>& times,
                  const std::vector<double>& risks) {
    ForetoldFold made{run, {ids, risks, {}}, {}, metrics::StepCurve{{1}, {std::log(std::log(2.0))}, -INFINITY}};
    for (const double time : times) made.people.outcomes.push_back({time, true});
    made.training = made.people.outcomes;
    return made;
}

/// The first run orders its three people rightly, the second its two wrongly.
std::vector<ForetoldFold> two_folds() {
    return {fold("first", {"e", "a", "c"}, {1, 3, 5}, {3, 2, 1}), fold("second", {"b", "d"}, {2, 4}, {-2, -1})};
}

SurvivalOptions options_of(std::vector<double> times, int64_t bootstrap = 0) {
    SurvivalOptions options;
    options.eval_times = std::move(times);
    options.brier_points = 4;
    options.uno_tau = 100;
    options.bootstrap = bootstrap;
    return options;
}

TEST(SurvivalFolds, ConcordancesAreMeansByCasesAndOfAllRawRisks) {
    const auto folds = two_folds();
    const auto table = out_of_fold_table(folds, options_of({2.5}), 0);
    EXPECT_DOUBLE_EQ(value_of(table, "c_index/folds"), (3 * 1.0 + 2 * 0.0) / 5);
    EXPECT_DOUBLE_EQ(value_of(table, "uno_c_index/folds"), 3.0 / 5);  // nobody is censored: every weight is 1
    // By time the risks are 3, -2, 2, -1, 1: lower ones follow the first 4 times, the third twice.
    EXPECT_DOUBLE_EQ(value_of(table, "c_index/pooled"), 6.0 / 10);
    EXPECT_DOUBLE_EQ(value_of(table, "run 1 of 2: c_index"), 1);
    EXPECT_DOUBLE_EQ(value_of(table, "run 2 of 2: c_index"), 0);
    EXPECT_DOUBLE_EQ(value_of(table, "run 2 of 2: cases"), 2);
}

TEST(SurvivalFolds, ProbabilitiesAreEachRunsOwnAndOfAllCasesTogether) {
    auto folds = two_folds();
    folds[1].log_hazard->values[0] = std::log(std::log(4.0));  // 1/4 for who has the risk 0
    const auto table = out_of_fold_table(folds, options_of({2.5}), 0);
    const auto s = [](double base, double risk) { return std::pow(base, std::exp(risk)); };
    // Events before 2.5: e and b.
    const std::map<std::string, double> probability{
        {"a", s(0.5, 2)}, {"b", s(0.25, -2)}, {"c", s(0.5, 1)}, {"d", s(0.25, -1)}, {"e", s(0.5, 3)}};
    double squares = 0, ordered = 0;
    for (const auto& [id, value] : probability) {
        const bool event = id == "e" || id == "b";
        squares += event ? value * value : (1 - value) * (1 - value);
        for (const auto& [other, larger] : probability)
            if (event && other != "e" && other != "b") ordered += value < larger ? 1 : 0;
    }
    EXPECT_NEAR(value_of(table, "brier/2.5"), squares / 5, 1e-12);
    EXPECT_NEAR(value_of(table, "auc/2.5"), ordered / 6, 1e-12);
    EXPECT_THAT(table.columns, testing::ElementsAre("risk", "time", "event", "S(2.5)"));
    std::vector<std::string> rows;
    for (const auto& row : table.rows) {
        rows.push_back(row.id + ' ' + row.run);
        EXPECT_NEAR(row.values[3], probability.at(row.id), 1e-12);
    }
    EXPECT_THAT(rows, testing::ElementsAre("a first", "b second", "c first", "d second", "e first"));
}

TEST(SurvivalFolds, WhatOneRunLacksIsLeftOut) {
    auto folds = two_folds();
    folds[1].log_hazard.reset();
    for (auto& outcome : folds[1].people.outcomes) outcome.event = false;  // nobody can be compared
    const auto table = out_of_fold_table(folds, options_of({2.5}, 20), 0);
    EXPECT_DOUBLE_EQ(value_of(table, "c_index/folds"), 1);
    EXPECT_TRUE(std::isnan(value_of(table, "run 2 of 2: c_index")));
    EXPECT_TRUE(has(table, "c_index/folds 2.5%") && has(table, "c_index/pooled 97.5%"));
    EXPECT_FALSE(has(table, "ibs") || has(table, "brier/2.5"));
    EXPECT_EQ(table.columns.size(), 3U);
}

}  // namespace
}  // namespace vox::tasks
