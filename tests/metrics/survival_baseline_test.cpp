// Breslow's baseline hazard against scikit-survival and lifelines (tools/golden/survival.py), and risks of any size.

#include "metrics/survival_baseline.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.hpp"
#include "metrics/survival_cohorts.hpp"

namespace vox::metrics {
namespace {

TEST(SurvivalBaseline, EqualsScikitSurvival) {
    const auto golden = test::golden_json("survival");
    for (const auto& [name, expected] : golden.at("cohorts").items()) {
        SCOPED_TRACE(name);
        const auto people = test::cohort(expected.at("cohort"));
        const auto baseline = log_baseline_hazard(people.outcomes, people.risks);
        std::vector<double> hazard, survival;
        for (size_t i = 0; i < baseline.times.size(); ++i) {
            hazard.push_back(std::exp(baseline.values[i]));
            survival.push_back(survival_probability(baseline, people.risks[0], baseline.times[i]));
        }
        test::expect_near(hazard, test::numbers(expected.at("hazard")), 1e-12);
        test::expect_near(survival, test::numbers(expected.at("survival_of_first")), 1e-12);
    }
}

// Its risks are those of the fit, around their mean.
TEST(SurvivalBaseline, EqualsLifelines) {
    const auto golden = test::golden_json("survival");
    const auto& expected = golden.at("lifelines");
    auto people = test::cohort(golden.at("cohorts").at("ties").at("cohort"));
    for (double& risk : people.risks)
        risk = expected.at("coefficient").get<double>() * (risk - expected.at("mean").get<double>());
    const auto baseline = log_baseline_hazard(people.outcomes, people.risks);
    test::expect_near(baseline.times, test::numbers(expected.at("times")), 1e-15);
    std::vector<double> hazard;
    for (const double value : baseline.values) hazard.push_back(std::exp(value));
    test::expect_near(hazard, test::numbers(expected.at("values")), 1e-12);
}

// A constant that is added to all risks changes no probability; one of 2000 would overflow as an exponential.
TEST(SurvivalBaseline, RisksOfAnySize) {
    const auto golden = test::golden_json("survival");
    auto people = test::cohort(golden.at("cohorts").at("ties").at("cohort"));
    const auto baseline = log_baseline_hazard(people.outcomes, people.risks);
    for (const double shift : {2000.0, -2000.0}) {
        auto risks = people.risks;
        for (double& risk : risks) risk += shift;
        const auto shifted = log_baseline_hazard(people.outcomes, risks);
        for (size_t i = 0; i < risks.size(); ++i)
            EXPECT_NEAR(survival_probability(shifted, risks[i], 3), survival_probability(baseline, people.risks[i], 3),
                        1e-11);
    }
}

// Without ties and risks it is the sum of 1 / (number at risk).
TEST(SurvivalBaseline, OneNobodyAndNoEvents) {
    const std::vector<Outcome> people{{3, true}, {1, true}, {2, false}};
    const auto baseline = log_baseline_hazard(people, std::vector<double>{0, 0, 0});
    EXPECT_EQ(survival_probability(baseline, 5, 0.9), 1);
    EXPECT_NEAR(std::exp(baseline.at(2)), 1.0 / 3, 1e-15);
    EXPECT_NEAR(std::exp(baseline.at(4)), 1.0 / 3 + 1, 1e-15);
    const std::vector<Outcome> one{{1, true}}, censored{{1, false}};
    EXPECT_NEAR(survival_probability(log_baseline_hazard(one, std::vector<double>{7}), 7, 1), std::exp(-1), 1e-15);
    EXPECT_EQ(survival_probability(log_baseline_hazard(censored, std::vector<double>{7}), 7, 1), 1);
    EXPECT_EQ(survival_probability(log_baseline_hazard({}, {}), 7, 1), 1);
    EXPECT_THROW(log_baseline_hazard(one, {}), core::InternalError);
    EXPECT_THROW(log_baseline_hazard(one, std::vector<double>{std::nan("")}), core::InternalError);
}

}  // namespace
}  // namespace vox::metrics
