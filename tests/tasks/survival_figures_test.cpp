#include "tasks/survival_figures.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace vox::tasks {
namespace {

/// Everybody's event was seen, the riskier the sooner, but for `swapped` pairs.
JudgedPeople people(size_t count, size_t swapped = 0) {
    JudgedPeople all;
    for (size_t i = 0; i < count; ++i) {
        all.ids.push_back(std::to_string(i));
        all.risks.push_back(-0.01 * static_cast<double>(i));
        all.outcomes.push_back({1 + static_cast<double>(i), true});
    }
    for (size_t pair = 0; pair < swapped; ++pair) std::swap(all.risks[2 * pair], all.risks[2 * pair + 1]);
    return all;
}

double value_of(const std::vector<std::pair<std::string, double>>& figures, const std::string& name) {
    for (const auto& [key, value] : figures)
        if (key == name) return value;
    ADD_FAILURE() << "no figure " << name;
    return std::nan("");
}

bool has(const std::vector<std::pair<std::string, double>>& figures, const std::string& name) {
    return std::ranges::any_of(figures, [&](const auto& entry) { return entry.first == name; });
}

SurvivalOptions options_of(std::vector<double> times, int64_t bootstrap = 0) {
    SurvivalOptions options;
    options.eval_times = std::move(times);
    options.bootstrap = bootstrap;
    return options;
}

TEST(SurvivalFigures, GoThereAndBackThroughACase) {
    const std::vector<train::CaseFigures> cases{{"a", person_figures(0.1 + 0.2, {2.5, true}), {}},
                                                {"b", person_figures(-1, {3, false}), {}}};
    const auto all = judged_people(cases);
    EXPECT_THAT(all.ids, testing::ElementsAre("a", "b"));
    EXPECT_THAT(all.risks, testing::ElementsAre(0.1 + 0.2, -1));
    EXPECT_EQ(all.outcomes[0].time, 2.5);
    EXPECT_TRUE(all.outcomes[0].event && !all.outcomes[1].event);
}

TEST(SurvivalFigures, OfPairsInOrderAreOneAndOfTimesThatCannotBeUsedAreLeftOut) {
    const auto all = people(10);
    const auto figures = risk_figures(all, all.outcomes, options_of({0.5, 3, 20}));
    EXPECT_EQ(value_of(figures, "c_index"), 1);
    EXPECT_EQ(value_of(figures, "uno_c_index"), 1);
    EXPECT_EQ(value_of(figures, "auc/3"), 1);
    EXPECT_FALSE(has(figures, "auc/0.5"));  // nobody had an event
    EXPECT_FALSE(has(figures, "auc/20"));  // nobody was followed for so long
    // Of 45 pairs 2 are swapped, both with their events before 5.
    EXPECT_DOUBLE_EQ(value_of(risk_figures(people(10, 2), all.outcomes, options_of({3})), "c_index"), 43.0 / 45);
    // Uno's sees only the events before tau, 2 here: of person 0 alone, in 9 pairs, one of them swapped.
    auto early = options_of({3});
    early.uno_tau = 2;
    EXPECT_DOUBLE_EQ(value_of(risk_figures(people(10, 2), all.outcomes, early), "uno_c_index"), 8.0 / 9);
}

TEST(SurvivalFigures, BrierScoresAreSquaresWhereNobodyIsCensored) {
    auto all = people(4);
    all.risks = {0, 0, 0, 0};
    // S(t) = exp(-exp(log_hazard)): 3/4 from 1 on, 1/4 from 3 on.
    const metrics::StepCurve hazard{{1, 3}, {std::log(-std::log(0.75)), std::log(-std::log(0.25))}, -INFINITY};
    auto options = options_of({1.5, 3});
    options.brier_points = 4;  // 0, 1, 2, 3
    const auto figures = probability_figures(all, all.outcomes, hazard, options);
    const double at_1 = (1 * 0.75 * 0.75 + 3 * 0.25 * 0.25) / 4;  // one had an event, three had not
    const double at_2 = (2 * 0.75 * 0.75 + 2 * 0.25 * 0.25) / 4, at_3 = (3 * 0.25 * 0.25 + 1 * 0.75 * 0.75) / 4;
    EXPECT_NEAR(value_of(figures, "brier/1.5"), at_1, 1e-12);
    EXPECT_NEAR(value_of(figures, "brier/3"), at_3, 1e-12);
    EXPECT_EQ(value_of(figures, "ibs_points"), 3);  // before the first event nothing can be said
    EXPECT_NEAR(value_of(figures, "ibs"), ((at_1 + at_2) / 2 + (at_2 + at_3) / 2) / 2, 1e-12);
}

TEST(SurvivalFigures, GroupsAreOfEqualSizeByRisk) {
    const std::vector<double> risks{5, 1, 4, 2, 3, 2};
    EXPECT_THAT(groups_by_risk(risks, 2), testing::ElementsAre(1, 0, 1, 0, 1, 0));
    EXPECT_THAT(groups_by_risk(risks, 3), testing::ElementsAre(2, 0, 2, 0, 1, 1));
    EXPECT_TRUE(groups_by_risk({}, 2).empty());
}

TEST(SurvivalFigures, ATableSaysWhatWasForetoldBesideWhatHappened) {
    auto all = people(8);
    const metrics::StepCurve hazard{{1}, {0}, -INFINITY};  // S = exp(-exp(risk)) from 1 on
    const auto table = survival_table(all, all.outcomes, hazard, options_of({2.5, 6}), 7);
    EXPECT_THAT(table.columns, testing::ElementsAre("risk", "time", "event", "S(2.5)", "S(6)"));
    ASSERT_EQ(table.rows.size(), 8U);
    EXPECT_DOUBLE_EQ(table.rows[3].values[3], std::exp(-std::exp(-0.03)));
    EXPECT_EQ(value_of(table.all_cases, "risk group 2 of 2: cases"), 4);
    // The four riskiest had their events at 1, 2, 3, 4: half of them are left at 2.5, and nobody is followed to 6.
    EXPECT_DOUBLE_EQ(value_of(table.all_cases, "risk group 2 of 2: S(2.5) Kaplan-Meier"), 0.5);
    double mean = 0;
    for (int i = 0; i < 4; ++i) mean += std::exp(-std::exp(-0.01 * i)) / 4;
    EXPECT_NEAR(value_of(table.all_cases, "risk group 2 of 2: S(2.5) foretold"), mean, 1e-12);
    EXPECT_FALSE(has(table.all_cases, "risk group 2 of 2: S(6) Kaplan-Meier"));
    EXPECT_EQ(value_of(table.all_cases, "risk group 1 of 2: S(6) Kaplan-Meier"), 0.5);
    EXPECT_LT(value_of(table.all_cases, "log-rank p, lowest against highest"), 0.05);
    EXPECT_THAT(table.note, testing::HasSubstr("before 6"));
    const auto without = survival_table(all, all.outcomes, {}, options_of({2.5, 6}), 7);
    EXPECT_EQ(without.columns.size(), 3U);
    EXPECT_THAT(without.note, testing::HasSubstr("--best"));
}

TEST(SurvivalFigures, IntervalsHoldTheFigureAndShrinkAsCasesGrow) {
    const auto width = [](size_t count) {
        const auto all = people(count, count / 4);
        const auto figures = survival_table(all, all.outcomes, {}, options_of({3}, 400), 7).all_cases;
        const double low = value_of(figures, "c_index 2.5%"), high = value_of(figures, "c_index 97.5%");
        EXPECT_LT(low, value_of(figures, "c_index"));
        EXPECT_GT(high, value_of(figures, "c_index"));
        EXPECT_EQ(figures,
                  survival_table(all, all.outcomes, {}, options_of({3}, 400), 7).all_cases);  // drawn by the seed
        return high - low;
    };
    // Somebody's neighbours alone are swapped, so that the figure's error falls as 1 / n.
    EXPECT_GT(width(20) / width(80), 3);
    const auto all = people(20);
    const auto perfect = survival_table(all, all.outcomes, {}, options_of({3}, 50), 7).all_cases;
    EXPECT_EQ(value_of(perfect, "c_index 2.5%"), 1);
    EXPECT_FALSE(has(survival_table(all, all.outcomes, {}, options_of({3}), 7).all_cases, "c_index 2.5%"));
}

}  // namespace
}  // namespace vox::tasks
