// Harrell's and Uno's concordance indices against scikit-survival (tools/golden/survival.py), and against what a few outcomes give by hand.

#include "metrics/survival_concordance.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "core/error.hpp"
#include "metrics/survival_cohorts.hpp"

namespace vox::metrics {
namespace {

void expect_concordance(const Concordance& actual, const nlohmann::json& expected) {
    EXPECT_NEAR(actual.index, expected.at("index").get<double>(), 1e-12);
    const auto counts = expected.at("counts").get<std::vector<int64_t>>();
    EXPECT_EQ(actual.concordant, counts.at(0));
    EXPECT_EQ(actual.discordant, counts.at(1));
    EXPECT_EQ(actual.tied_risk, counts.at(2));
    EXPECT_EQ(actual.tied_time, counts.at(3));
    EXPECT_EQ(actual.comparable(), counts.at(0) + counts.at(1) + counts.at(2));
}

TEST(SurvivalConcordance, EqualsScikitSurvival) {
    const auto golden = test::golden_json("survival");
    const auto train = test::cohort(golden.at("train")).outcomes;
    const auto taus = test::numbers(golden.at("taus"));
    EXPECT_GE(golden.at("cohorts").size(), 6u);
    for (const auto& [name, expected] : golden.at("cohorts").items()) {
        SCOPED_TRACE(name);
        const auto people = test::cohort(expected.at("cohort"));
        expect_concordance(harrell_concordance(people.outcomes, people.risks), expected.at("harrell"));
        expect_concordance(uno_concordance(train, people.outcomes, people.risks), expected.at("uno"));
        std::vector<double> truncated;
        for (const double tau : taus)
            truncated.push_back(uno_concordance(train, people.outcomes, people.risks, tau).index);
        test::expect_near(truncated, test::numbers(expected.at("uno_tau")), 1e-12);
    }
}

// Events at 1, 2, 2; censored at 2, 3.  The two events at 2 are not comparable; each is with who is censored at 2 and at 3.
TEST(SurvivalConcordance, WhoIsComparable) {
    const std::vector<Outcome> people{{2, true}, {3, false}, {1, true}, {2, false}, {2, true}};
    const std::vector<double> risks{4, 1, 3, 2, 1};
    const auto result = harrell_concordance(people, risks);
    EXPECT_EQ(result.comparable(), 4 + 2 * 2);
    EXPECT_EQ(result.concordant, 3 + 2);  // of 3 over 1, 2, 1 and not 4; of 4 over both
    EXPECT_EQ(result.discordant, 1 + 1);
    EXPECT_EQ(result.tied_risk, 1);
    EXPECT_EQ(result.tied_time, 2);
    EXPECT_DOUBLE_EQ(result.index, 5.5 / 8);
}

// With censoring of one in four at 1, an event at 2 stands for (4/3)^2 pairs; one at 4 or later has no weight.
TEST(SurvivalConcordance, UnosWeightsAreThoseOfTheTrainingSet) {
    const std::vector<Outcome> train{{1, false}, {2, true}, {3, true}, {4, false}};
    const std::vector<Outcome> people{{0.5, true}, {2, true}, {4, true}, {5, true}, {6, false}};
    const std::vector<double> risks{5, 1, 4, 3, 2};
    const auto result = uno_concordance(train, people, risks);
    EXPECT_NEAR(result.index, 4 / (4 + 3 * 16.0 / 9), 1e-15);
    EXPECT_EQ(result.comparable(), 7);
    EXPECT_EQ(uno_concordance(train, people, risks, 2).comparable(), 4);  // tau itself is too late
    EXPECT_TRUE(std::isnan(uno_concordance(train, people, risks, 0.5).index));
    EXPECT_TRUE(std::isnan(uno_concordance({}, people, risks).index));
}

TEST(SurvivalConcordance, NothingComparableIsNaN) {
    const std::vector<Outcome> one{{1, true}}, censored{{1, false}, {2, false}}, same{{1, true}, {1, true}};
    EXPECT_TRUE(std::isnan(harrell_concordance({}, {}).index));
    EXPECT_TRUE(std::isnan(harrell_concordance(one, std::vector<double>{1}).index));
    for (const auto& people : {censored, same}) {
        const auto result = harrell_concordance(people, std::vector<double>{1, 2});
        EXPECT_TRUE(std::isnan(result.index));
        EXPECT_EQ(result.comparable(), 0);
    }
    const std::vector<Outcome> two{{1, true}, {2, false}};
    for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()})
        EXPECT_TRUE(std::isnan(harrell_concordance(two, std::vector<double>{1, bad}).index));
}

TEST(SurvivalConcordance, RefusesWhatDoesNotFit) {
    const std::vector<Outcome> two{{1, true}, {2, false}}, endless{{1, true}, {std::nan(""), false}};
    EXPECT_THROW(harrell_concordance(two, std::vector<double>{1}), core::InternalError);
    EXPECT_THROW(harrell_concordance(endless, std::vector<double>{1, 2}), core::InternalError);
}

}  // namespace
}  // namespace vox::metrics
