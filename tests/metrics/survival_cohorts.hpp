#pragma once
// Cohorts that tools/golden/survival.py makes by the same formula.

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "metrics/survival_curve.hpp"
#include "support/golden.hpp"

namespace vox::test {

struct Cohort {
    std::vector<metrics::Outcome> outcomes;
    std::vector<double> risks;
};

inline Cohort cohort(const nlohmann::json& c) {
    const auto n = c.at("n").get<int64_t>();
    const auto stream = c.at("stream").get<uint32_t>();
    const auto number = [&](const char* name) { return c.at(name).get<double>(); };
    const auto place = uniform({n}, stream), chance = uniform({n}, stream + 1), height = uniform({n}, stream + 2);
    const double levels = number("levels"), risk_levels = number("risk_levels");
    Cohort result;
    for (int64_t i = 0; i < n; ++i) {
        const double p = place.const_data_ptr<double>()[i], e = chance.const_data_ptr<double>()[i],
                     h = height.const_data_ptr<double>()[i];
        const double when = levels > 0 ? std::floor(levels * p) / levels : p;
        const double risk = risk_levels > 0 ? -2 + std::floor(risk_levels * h) / 4 : 4 * h - 2;
        result.outcomes.push_back({number("low") + number("span") * when, e < number("events")});
        result.risks.push_back(risk + number("near") * e);
    }
    return result;
}

/// Numbers of a golden file, which writes "nan" and "inf" as text.
inline std::vector<double> numbers(const nlohmann::json& values) {
    std::vector<double> result;
    for (const auto& value : values)
        result.push_back(value.is_string() ? std::stod(value.get<std::string>()) : value.get<double>());
    return result;
}

inline void expect_near(const std::vector<double>& actual, const std::vector<double>& expected, double bound) {
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < actual.size(); ++i) {
        if (std::isnan(expected[i]))
            EXPECT_TRUE(std::isnan(actual[i])) << i;
        else
            EXPECT_NEAR(actual[i], expected[i], bound) << i;
    }
}

}  // namespace vox::test
