#include "tasks/survival_columns.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.hpp"
#include "support/temporary_folder.hpp"
#include "tasks/survival_dataset.hpp"
#include "tasks/survival_facts.hpp"

namespace vox::tasks {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string message_of(const auto& act) {
    try {
        act();
    } catch (const core::DataError& error) {
        return error.what();
    }
    return "no DataError";
}

data::CaseInfo person(const std::map<std::string, std::string>& columns) {
    data::CaseInfo info;
    info.id = "p";
    info.columns = columns;
    return info;
}

/// Four people: numbers, a number that is missing once, texts, and columns that say nothing.
class Table : public testing::Test {
protected:
    Table() {
        const auto one = [](const char* id, const char* age, const char* stage, const char* score) {
            return test::Person{id,
                                "train",
                                {{"time", "2.5"},
                                 {"event", "1"},
                                 {"age", age},
                                 {"stage", stage},
                                 {"score", score},
                                 {"Fold_1", id[0] < 'c' ? "train" : "Val"},
                                 {"site", "same"},
                                 {"patient_id", std::to_string(id[0])},
                                 {"empty", ""}}};
        };
        test::make_people(folder_.path(), {one("a", "40", "II", "1e-3"), one("b", "60", "I", ""),
                                           one("c", "50", "", "3e-3"), one("d", "50", "II", "2e-3")});
        reader_ = std::make_unique<data::ShardReader>(folder_.path(), size_t{1} << 20);
    }
    FeatureScaler fit(const std::vector<std::string>& names) {
        return FeatureScaler::fit(*reader_, {0, 1, 2, 3}, names, &left_out_);
    }
    test::TemporaryFolder folder_;
    std::unique_ptr<data::ShardReader> reader_;
    std::vector<std::string> left_out_;
};

TEST_F(Table, NumbersAreScaledAndTextsAreOneNumberACategory) {
    const auto scaler = fit({"stage", "age", "score"});  // in the order asked for
    EXPECT_EQ(scaler.width(), 4);
    const double spread = std::sqrt(50.0);  // of 40, 60, 50, 50
    EXPECT_THAT(scaler.row(reader_->cases()[0]),
                ElementsAre(0, 1, testing::DoubleEq(-10 / spread), testing::DoubleNear(-std::sqrt(1.5), 1e-12)));
    EXPECT_THAT(scaler.row(reader_->cases()[1]), ElementsAre(1, 0, testing::DoubleEq(10 / spread), 0));
    EXPECT_THAT(scaler.row(reader_->cases()[2]), ElementsAre(0, 0, 0, testing::DoubleNear(std::sqrt(1.5), 1e-12)));
    const auto back = scaler.in_units(scaler.row(reader_->cases()[1]));
    EXPECT_THAT(back, ElementsAre(testing::Pair("stage=I", 1), testing::Pair("stage=II", 0), testing::Pair("age", 60),
                                  testing::Pair("score", testing::DoubleEq(2e-3))));
    // People that the training cases are not: nothing is known of stage IV.
    EXPECT_THAT(scaler.row(person({{"stage", "IV"}, {"age", "50"}})), ElementsAre(0, 0, 0, 0));
    EXPECT_THAT(message_of([&] { scaler.row(person({{"age", "old"}})); }),
                testing::AllOf(HasSubstr("case p"), HasSubstr("'age' is 'old'")));
}

TEST_F(Table, AutoTakesWhatTellsPeopleApart) {
    const auto scaler = fit({"auto"});
    std::vector<std::string> names;
    for (const auto& column : scaler.columns()) names.push_back(column.name);
    EXPECT_THAT(names, ElementsAre("age", "score", "stage"));
    EXPECT_THAT(left_out_, ElementsAre(HasSubstr("Fold_1: it says which fold"), HasSubstr("empty: no training case"),
                                       HasSubstr("patient_id: it names cases"),
                                       HasSubstr("site: all training cases have one value")));
}

TEST_F(Table, AColumnOfFoldsIsNoFeature) {
    reader_ = std::make_unique<data::ShardReader>(folder_.path(), 0, data::Folds{.column = "age", .number = 40});
    const auto scaler = fit({"auto"});
    EXPECT_EQ(scaler.columns().front().name, "score");
    EXPECT_THAT(left_out_, testing::Contains("age: data.fold_column takes it"));
    EXPECT_THAT(message_of([&] { fit({"age"}); }), HasSubstr("data.fold_column takes it"));
}

TEST_F(Table, ColumnsThatCannotBeUsedAreRefusedByName) {
    EXPECT_THAT(message_of([&] { fit({"agee"}); }),
                testing::AllOf(HasSubstr("no column 'agee'"), HasSubstr("age, empty, patient_id, score, site, stage")));
    EXPECT_THAT(message_of([&] { fit({"site"}); }), HasSubstr("site: all training cases have one value"));
    EXPECT_THAT(message_of([&] { fit({"time"}); }), HasSubstr("no column 'time'"));  // what is to be foretold
    EXPECT_EQ(fit({}).width(), 0);
}

TEST_F(Table, WhatACheckpointKeepsComesBackToTheBit) {
    auto facts = survival_facts(*reader_, {0, 1, 2, 3}, {"auto"}, true, nullptr);
    facts.training[1] = {0.1 + 0.2, false};
    auto texts = facts.to_texts();
    EXPECT_FALSE(SurvivalFacts::from_texts(texts).log_hazard);
    const double none = -std::numeric_limits<double>::infinity();
    texts.merge(SurvivalFacts::hazard_texts({{0.5, 1.0 / 3, 2}, {none, -1.0 / 7, 0.25}, none}));
    const auto back = SurvivalFacts::from_texts(texts);
    EXPECT_EQ(back.channels, facts.channels);
    EXPECT_EQ(back.features.columns(), facts.features.columns());
    ASSERT_EQ(back.training.size(), 4U);
    EXPECT_EQ(back.training[1].time, 0.1 + 0.2);
    EXPECT_FALSE(back.training[1].event);
    EXPECT_TRUE(back.training[0].event);
    ASSERT_TRUE(back.log_hazard);
    EXPECT_THAT(back.log_hazard->times,
                ElementsAre(1.0 / 3, 2));  // where nothing has happened there is nothing to keep
    EXPECT_THAT(back.log_hazard->values, ElementsAre(-1.0 / 7, 0.25));
    EXPECT_EQ(back.log_hazard->at(0.2), none);
    texts["features"] = "[{";
    EXPECT_THAT(message_of([&] { SurvivalFacts::from_texts(texts); }), HasSubstr("cannot be read"));
    EXPECT_THAT(message_of([&] { SurvivalFacts::from_texts({}); }), HasSubstr("not written by a survival run"));
}

TEST(Outcomes, AreTwoColumns) {
    EXPECT_EQ(outcome_of(person({{"time", "3.25"}, {"event", "1"}})).time, 3.25);
    EXPECT_TRUE(outcome_of(person({{"time", "0"}, {"event", "1"}})).event);
    EXPECT_FALSE(outcome_of(person({{"time", "3.25"}, {"event", "0"}})).event);
    for (const auto& [time, event] : std::vector<std::pair<std::string, std::string>>{
             {"", "1"}, {"-1", "1"}, {"inf", "1"}, {"3 days", "1"}, {"3", ""}, {"3", "2"}, {"3", "yes"}})
        EXPECT_THAT(message_of([&] { outcome_of(person({{"time", time}, {"event", event}})); }), HasSubstr("case p"))
            << time << ' ' << event;
    EXPECT_THAT(message_of([&] { outcome_of(person({})); }), HasSubstr("--layout survival"));
}

}  // namespace
}  // namespace vox::tasks
