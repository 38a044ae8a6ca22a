// Kaplan-Meier's curve, the curve of censoring and the log-rank test against scikit-survival and lifelines (tools/golden/survival.py),
// and against what a few outcomes give by hand.

#include "metrics/survival_curve.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "metrics/survival_cohorts.hpp"

namespace vox::metrics {
namespace {

using testing::ElementsAre;

TEST(SurvivalCurve, EqualsScikitSurvivalAndLifelines) {
    const auto golden = test::golden_json("survival");
    const auto times = test::numbers(golden.at("times"));
    EXPECT_GE(golden.at("cohorts").size(), 6u);
    for (const auto& [name, expected] : golden.at("cohorts").items()) {
        SCOPED_TRACE(name);
        const auto people = test::cohort(expected.at("cohort")).outcomes;
        const auto curve = kaplan_meier(people);
        test::expect_near(curve.times, test::numbers(expected.at("curve").at("times")), 1e-15);
        test::expect_near(curve.values, test::numbers(expected.at("curve").at("values")), 1e-13);
        std::vector<double> at;
        for (const double time : times) at.push_back(curve.at(time));
        test::expect_near(at, test::numbers(expected.at("lifelines_at")), 1e-12);
        test::expect_near(censoring_curve(people).values, test::numbers(expected.at("censoring_at")), 1e-13);
    }
}

TEST(SurvivalCurve, LogRankEqualsLifelines) {
    const auto golden = test::golden_json("survival");
    EXPECT_EQ(golden.at("log_rank").size(), 3u);
    for (const auto& pair : golden.at("log_rank")) {
        const auto people = [&](const char* which) {
            return test::cohort(golden.at("cohorts").at(pair.at(which).get<std::string>()).at("cohort")).outcomes;
        };
        for (const bool swapped : {false, true}) {
            const auto result = log_rank_test(people(swapped ? "b" : "a"), people(swapped ? "a" : "b"));
            EXPECT_NEAR(result.statistic, pair.at("statistic").get<double>(), 1e-11);
            EXPECT_NEAR(result.p, pair.at("p").get<double>(), 1e-12);
        }
    }
}

// At 2 an event and a censoring: the event first, so that both are at risk of the event, and one of the censoring.
TEST(SurvivalCurve, EventsComeBeforeCensoringAtTheSameTime) {
    const std::vector<Outcome> people{{2, false}, {1, true}, {3, false}, {2, true}};
    const auto counts = count_times(people);
    ASSERT_EQ(counts.size(), 3u);
    EXPECT_EQ(counts[1].time, 2);
    EXPECT_EQ(counts[1].events, 1);
    EXPECT_EQ(counts[1].censored, 1);
    EXPECT_EQ(counts[1].at_risk, 3);
    EXPECT_THAT(kaplan_meier(people).values, ElementsAre(0.75, testing::DoubleEq(0.5), testing::DoubleEq(0.5)));
    EXPECT_THAT(censoring_curve(people).values, ElementsAre(1, 0.5, 0));
}

TEST(SurvivalCurve, StepsIncludeTheirOwnTime) {
    const std::vector<Outcome> people{{1, true}, {2, true}, {4, false}, {4, false}};
    const auto curve = kaplan_meier(people);
    EXPECT_EQ(curve.at(0.999), 1);
    EXPECT_EQ(curve.at(1), 0.75);
    EXPECT_EQ(curve.at(1.999), 0.75);
    EXPECT_NEAR(curve.at(2), 0.5, 1e-15);
    EXPECT_NEAR(curve.at(100), 0.5, 1e-15);
}

TEST(SurvivalCurve, WeightsEndWhereCensoringIsUnknown) {
    const std::vector<Outcome> people{{1, false}, {2, true}, {3, true}, {4, false}};
    const auto censoring = censoring_curve(people);
    EXPECT_EQ(censoring_weight(censoring, 0.5), 1);
    EXPECT_DOUBLE_EQ(censoring_weight(censoring, 3), 4.0 / 3);
    EXPECT_EQ(censoring_weight(censoring, 4), 0);  // G is 0
    const auto ends_with_event = censoring_curve(std::span(people).first(3));
    EXPECT_DOUBLE_EQ(censoring_weight(ends_with_event, 3), 1.5);
    EXPECT_EQ(censoring_weight(ends_with_event, 3.1), 0);  // G is unknown
    EXPECT_EQ(censoring_weight(censoring_curve({}), 0), 0);
}

TEST(SurvivalCurve, OneNobodyAndNoEvents) {
    EXPECT_TRUE(count_times({}).empty());
    EXPECT_EQ(kaplan_meier({}).at(3), 1);
    const std::vector<Outcome> one{{2, true}}, censored{{2, false}, {3, false}};
    EXPECT_THAT(kaplan_meier(one).values, ElementsAre(0));
    EXPECT_THAT(censoring_curve(one).values, ElementsAre(1));
    EXPECT_THAT(kaplan_meier(censored).values, ElementsAre(1, 1));
    for (const auto& other : {one, censored, std::vector<Outcome>{}}) {
        const auto result = log_rank_test(censored, other);
        EXPECT_EQ(std::isnan(result.statistic), other.size() != 1);
        EXPECT_EQ(std::isnan(result.p), other.size() != 1);
    }
    // One event among three of whom two are in a: (0 - 2/3)^2 / (2/9).
    EXPECT_NEAR(log_rank_test(censored, one).statistic, 2, 1e-12);
    EXPECT_NEAR(log_rank_test(censored, one).expected, 2.0 / 3, 1e-15);
    EXPECT_THROW(count_times(std::vector<Outcome>{{std::nan(""), true}}), core::InternalError);
}

}  // namespace
}  // namespace vox::metrics
