// Whole cases from probability map to figures against picai_eval (tools/golden/lesion_detection.py).

#include "tasks/case_lesions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "infer/known_lesions.hpp"

namespace vox::tasks {
namespace {

std::vector<double> ascending(std::vector<double> values) {
    std::ranges::sort(values);
    return values;
}

TEST(CaseLesions, EqualPicaiEvalCaseByCaseAndOverall) {
    const auto golden = test::golden_json("lesion_detection");
    EXPECT_GE(golden.at("cases").size(), 36u);
    for (const std::string threshold : {"0", "0.25"}) {
        std::vector<metrics::CaseDetections> cases;
        for (const auto& entry : golden.at("cases")) {
            SCOPED_TRACE(entry.dump() + " " + threshold);
            const auto& expected = entry.at("expected").at(threshold);
            const auto [probability, truth] = test::lesion_case(entry);
            cases.push_back(detect_lesions(probability, truth, std::stod(threshold)));
            EXPECT_EQ(ascending(cases.back().hits), expected.at("hits").get<std::vector<double>>());
            EXPECT_EQ(ascending(cases.back().false_alarms), expected.at("false_alarms").get<std::vector<double>>());
            EXPECT_EQ(cases.back().missed, expected.at("missed").get<int64_t>());
            EXPECT_EQ(cases.back().confidence, expected.at("confidence").get<double>());
        }
        const auto& summary = golden.at("summary").at(threshold);
        EXPECT_NEAR(metrics::average_precision(cases), summary.at("ap").get<double>(), 1e-12);
        EXPECT_NEAR(metrics::case_auroc(cases), summary.at("auroc").get<double>(), 1e-12);
    }
}

TEST(CaseLesions, GoThroughNamedNumbersAndBack) {
    metrics::Figures figures{{"dice/tumor", 0.25}};
    append_detections(figures, {{0.75, 0.5}, {0.125}, 3, 0.875});
    const auto again = detections_among(figures);
    EXPECT_EQ(again.hits, (std::vector<double>{0.75, 0.5}));
    EXPECT_EQ(again.false_alarms, std::vector<double>{0.125});
    EXPECT_EQ(again.missed, 3);
    EXPECT_EQ(again.confidence, 0.875);
    EXPECT_EQ(figures.front().first, "dice/tumor");
}

}  // namespace
}  // namespace vox::tasks
