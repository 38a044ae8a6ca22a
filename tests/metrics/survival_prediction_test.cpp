// Time-dependent AUC and Brier scores against scikit-survival (tools/golden/survival.py), and against what a few outcomes give by hand.

#include "metrics/survival_prediction.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "metrics/survival_cohorts.hpp"

namespace vox::metrics {
namespace {

using testing::ElementsAre;
using Doubles = std::vector<double>;

/// What the script predicts, at all times that are asked for.
Doubles predictions(const Doubles& risks, const Doubles& times) {
    Doubles result;
    for (const double risk : risks)
        for (const double time : times) result.push_back(std::exp(-0.2 * std::exp(risk) * time / 2));
    return result;
}

TEST(SurvivalPrediction, EqualsScikitSurvival) {
    const auto golden = test::golden_json("survival");
    const auto train = test::cohort(golden.at("train")).outcomes;
    const auto times = test::numbers(golden.at("times"));
    EXPECT_GE(golden.at("cohorts").size(), 6u);
    for (const auto& [name, expected] : golden.at("cohorts").items()) {
        SCOPED_TRACE(name);
        const auto people = test::cohort(expected.at("cohort"));
        const auto used = test::numbers(expected.at("used"));
        EXPECT_LT(used.size(), times.size());
        EXPECT_EQ(usable_times(train, people.outcomes, times), used);
        const auto auc = cumulative_dynamic_auc(train, people.outcomes, people.risks, times);
        EXPECT_EQ(auc.times, used);
        test::expect_near(auc.areas, test::numbers(expected.at("areas")), 1e-12);
        EXPECT_NEAR(auc.mean, expected.at("mean_area").get<double>(), 1e-12);
        const auto brier = brier_scores(train, people.outcomes, predictions(people.risks, times), times);
        EXPECT_EQ(brier.times, used);
        test::expect_near(brier.scores, test::numbers(expected.at("brier")), 1e-12);
        EXPECT_NEAR(brier.integrated, expected.at("integrated_brier").get<double>(), 1e-12);
    }
}

// Nobody in the training set is watched after 3; G is 1/2 from 2 on.
TEST(SurvivalPrediction, TimesAreThoseOfTheCommonFollowUp) {
    const Doubles times{0.5, 1, 2, 3, 3.5, 4, 5};
    const std::vector<Outcome> test{{1, true}, {5, false}}, train{{2, false}, {3, true}};
    EXPECT_THAT(usable_times(train, test, times), ElementsAre(1, 2, 3));
    const std::vector<Outcome> censored_last{{2, true}, {3, false}};
    EXPECT_THAT(usable_times(censored_last, test, times), ElementsAre(1, 2));  // G(3) is 0
    EXPECT_THAT(usable_times(test, train, times), ElementsAre(2));  // and 3 is where the last one leaves
    EXPECT_TRUE(usable_times(train, {}, times).empty());
    EXPECT_TRUE(usable_times({}, test, times).empty());
    const Doubles survival{0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4};
    const auto brier = brier_scores(train, test, survival, times);
    ASSERT_EQ(brier.times.size(), 3u);
    EXPECT_DOUBLE_EQ(brier.scores[0], (0.8 * 0.8 + 0.1 * 0.1) / 2);
    EXPECT_DOUBLE_EQ(brier.scores[1], (0.7 * 0.7 + 0.2 * 0.2 * 2) / 2);  // who is still there stands for two
    EXPECT_DOUBLE_EQ(brier.scores[2], (0.6 * 0.6 + 0.3 * 0.3 * 2) / 2);
    EXPECT_DOUBLE_EQ(brier.integrated,
                     ((brier.scores[0] + brier.scores[1]) / 2 + (brier.scores[1] + brier.scores[2]) / 2) / 2);
}

// At 2: cases with the events at 1 and 2, the one censored at 1 is neither, controls are those at 3 and 4.
TEST(SurvivalPrediction, CasesAgainstControls) {
    const std::vector<Outcome> people{{1, true}, {2, true}, {1, false}, {3, true}, {4, false}};
    const Doubles risks{3, 1, 9, 1, 2}, times{2};
    const std::vector<Outcome> uncensored{{1, true}, {9, true}};
    const auto auc = cumulative_dynamic_auc(uncensored, people, risks, times);
    ASSERT_EQ(auc.areas.size(), 1u);
    EXPECT_DOUBLE_EQ(auc.areas[0], (2 + 0.5 + 0) / 4);
    EXPECT_DOUBLE_EQ(auc.mean, auc.areas[0]);
}

TEST(SurvivalPrediction, WithoutEventsOrPeopleThereIsNoFigure) {
    const Doubles times{1, 1.5};
    const std::vector<Outcome> train{{1, true}, {9, true}}, censored{{1, false}, {2, false}}, one{{1, true}};
    const auto auc = cumulative_dynamic_auc(train, censored, Doubles{1, 2}, times);
    ASSERT_EQ(auc.areas.size(), 2u);
    EXPECT_TRUE(std::isnan(auc.areas[0]) && std::isnan(auc.areas[1]) && std::isnan(auc.mean));
    for (const auto& people : {one, std::vector<Outcome>{}}) {
        const Doubles risks(people.size(), 0.0);
        EXPECT_TRUE(cumulative_dynamic_auc(train, people, risks, times).areas.empty());
        EXPECT_TRUE(std::isnan(cumulative_dynamic_auc(train, people, risks, times).mean));
        EXPECT_TRUE(std::isnan(brier_scores(train, people, Doubles(2 * people.size(), 0.5), times).integrated));
    }
    const std::vector<Outcome> two{{1, true}, {2, false}};
    EXPECT_EQ(cumulative_dynamic_auc(train, two, Doubles{1, 0}, times).mean, 1);
    EXPECT_TRUE(std::isnan(cumulative_dynamic_auc(train, two, Doubles{1, std::nan("")}, times).mean));
    EXPECT_TRUE(std::isnan(brier_scores(train, two, Doubles{1, 1}, Doubles{1}).integrated));
}

TEST(SurvivalPrediction, RefusesWhatDoesNotFit) {
    const std::vector<Outcome> two{{1, true}, {2, false}};
    EXPECT_THROW(cumulative_dynamic_auc(two, two, Doubles{1}, Doubles{1}), core::InternalError);
    EXPECT_THROW(brier_scores(two, two, Doubles{1}, Doubles{1}), core::InternalError);
    EXPECT_THROW(usable_times(two, two, Doubles{1, 1}), core::InternalError);
}

}  // namespace
}  // namespace vox::metrics
