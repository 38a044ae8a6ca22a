// Matching, average precision and AUROC of lesions against picai_eval's, the assignment against scipy's
// (tools/golden/lesion_detection.py).  Whole cases: tests/tasks/case_lesions_test.cpp.

#include "metrics/lesion_detection.hpp"

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.hpp"
#include "metrics/assignment.hpp"
#include "support/golden.hpp"

namespace vox::metrics {
namespace {

using testing::ElementsAre;

TEST(Assignment, HasTheSumOfScipys) {
    const auto golden = test::golden_json("lesion_detection");
    EXPECT_EQ(golden.at("assignments").size(), 25u);
    for (const auto& entry : golden.at("assignments")) {
        SCOPED_TRACE(entry.dump());
        const auto rows = entry.at("rows").get<size_t>(), columns = entry.at("columns").get<size_t>();
        const auto draw = test::uniform({static_cast<int64_t>(rows), static_cast<int64_t>(columns)},
                                        entry.at("stream").get<uint32_t>());
        std::vector<std::vector<double>> gain(rows, std::vector<double>(columns));
        for (size_t i = 0; i < rows * columns; ++i) {
            const double value = draw.const_data_ptr<double>()[i];
            gain[i / columns][i % columns] = value < 0.2 ? 0 : value;
        }
        const auto chosen = best_assignment(gain);
        std::vector<bool> used(columns, false);
        double sum = 0;
        for (size_t row = 0; row < rows; ++row) {
            EXPECT_FALSE(used.at(chosen[row]));
            used[chosen[row]] = true;
            sum += gain[row][chosen[row]];
        }
        EXPECT_NEAR(sum, entry.at("sum").get<double>(), 1e-12);
    }
    EXPECT_TRUE(best_assignment({}).empty());
    EXPECT_THROW(best_assignment({{1}, {2}}), core::InternalError);
}

// Also confidences that are equal, cases of one kind only, and no lesion found.
TEST(LesionDetection, FiguresOfTablesEqualPicaiEval) {
    const auto golden = test::golden_json("lesion_detection");
    int undefined = 0;
    for (const auto& table : golden.at("tables")) {
        std::vector<CaseDetections> cases;
        for (const auto& one : table.at("cases"))
            cases.push_back({one.at("hits").get<std::vector<double>>(),
                             one.at("false_alarms").get<std::vector<double>>(), one.at("missed").get<int64_t>(),
                             one.at("confidence").get<double>()});
        EXPECT_NEAR(average_precision(cases), table.at("ap").get<double>(), 1e-12);
        if (table.at("auroc").is_null()) {
            EXPECT_TRUE(std::isnan(case_auroc(cases)));
            ++undefined;
        } else {
            EXPECT_NEAR(case_auroc(cases), table.at("auroc").get<double>(), 1e-12);
        }
    }
    EXPECT_GE(golden.at("tables").size(), 12u);
    EXPECT_GE(undefined, 1);
}

TEST(LesionDetection, WithoutLesionsThereIsNoFigure) {
    EXPECT_TRUE(std::isnan(average_precision({})));
    const std::vector<CaseDetections> healthy{{{}, {0.5}, 0, 0.5}, {{}, {}, 0, 0}};
    EXPECT_TRUE(std::isnan(average_precision(healthy)));
    EXPECT_TRUE(std::isnan(case_auroc(healthy)));
}

/// [1,1,n] int32.
at::Tensor line(const std::vector<int32_t>& values) {
    auto result = at::zeros({1, 1, static_cast<int64_t>(values.size())}, at::kInt);
    std::copy(values.begin(), values.end(), result.mutable_data_ptr<int32_t>());
    return result;
}

TEST(LesionDetection, ATenthOfTheUnionIsEnough) {
    const auto lesion = line({1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0});
    const std::vector<double> confidence{0.7};
    const auto tenth = match_lesions(line({0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0}), confidence, lesion);  // 1 of 10
    EXPECT_THAT(tenth.hits, ElementsAre(0.7));
    EXPECT_EQ(tenth.missed, 0);
    const auto less = match_lesions(line({0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1}), confidence, lesion);  // 1 of 11
    EXPECT_TRUE(less.hits.empty());
    EXPECT_THAT(less.false_alarms, ElementsAre(0.7));
    EXPECT_EQ(less.missed, 1);
    EXPECT_EQ(less.confidence, 0.7);
}

// Lesion 1 is nearest to candidate 1, but lesion 2 has no other one.
TEST(LesionDetection, AsManyLesionsAsPossibleAreFound) {
    const auto lesions = line({1, 1, 1, 1, 0, 2, 2, 2, 2, 2});
    const auto candidates = line({2, 0, 1, 1, 1, 1, 0, 0, 0, 0});
    const auto result = match_lesions(candidates, std::vector<double>{0.9, 0.2}, lesions);
    EXPECT_THAT(result.hits, ElementsAre(0.2, 0.9));
    EXPECT_EQ(result.missed, 0);
    EXPECT_TRUE(result.false_alarms.empty());
}

// The second best candidate of a lesion is no false alarm, and still speaks for the case.
TEST(LesionDetection, ASecondCandidateOfALesionCountsForNothing) {
    const auto result =
        match_lesions(line({1, 1, 1, 0, 2, 2}), std::vector<double>{0.3, 0.8}, line({1, 1, 1, 1, 1, 1}));
    EXPECT_THAT(result.hits, ElementsAre(0.3));
    EXPECT_TRUE(result.false_alarms.empty());
    EXPECT_EQ(result.confidence, 0.8);
}

TEST(LesionDetection, RefusesWhatDoesNotFit) {
    EXPECT_THROW(match_lesions(line({2}), std::vector<double>{0.5}, line({1})), core::InternalError);
    EXPECT_THROW(match_lesions(line({1, 0}), std::vector<double>{0.5}, line({1})), core::InternalError);
}

}  // namespace
}  // namespace vox::metrics
