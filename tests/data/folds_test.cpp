#include "data/folds.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "core/error.hpp"
#include "data/shard_fixtures.hpp"
#include "data/shard_reader.hpp"
#include "support/temporary_folder.hpp"

namespace vox::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Cases a, b, ... of the split "train" whose column `fold` holds these cells.
std::vector<CaseInfo> cases_with(const std::vector<std::string>& cells) {
    std::vector<CaseInfo> cases;
    for (const auto& cell : cells) {
        CaseInfo info;
        info.id = std::string(1, static_cast<char>('a' + std::ssize(cases)));
        info.split = "train";
        info.columns = {{"age", "50"}, {"fold", cell}};
        cases.push_back(info);
    }
    return cases;
}

std::vector<std::string> splits_of(std::vector<CaseInfo> cases, const Folds& folds) {
    assign_folds(cases, folds);
    std::vector<std::string> splits;
    for (const auto& info : cases) splits.push_back(info.split);
    return splits;
}

std::string refusal(const std::vector<CaseInfo>& cases, const Folds& folds) {
    try {
        splits_of(cases, folds);
    } catch (const core::DataError& error) {
        return error.what();
    }
    return "accepted";
}

TEST(Folds, WordsOfAColumnAreTheSplits) {
    const auto cases = cases_with({"Train", "valid", "test", "validation", "val "});
    EXPECT_THAT(splits_of(cases, {.column = "fold"}), ElementsAre("train", "val", "test", "val", "val"));
    EXPECT_THAT(splits_of(cases, {}), ElementsAre("train", "train", "train", "train", "train"));
}

TEST(Folds, NumbersOfAColumnValidateInTurn) {
    const auto cases = cases_with({"0", "1", "2", "1.0", "0"});
    EXPECT_THAT(splits_of(cases, {.column = "fold", .number = 0}),
                ElementsAre("val", "train", "train", "train", "val"));
    EXPECT_THAT(splits_of(cases, {.column = "fold", .number = 1}),
                ElementsAre("train", "val", "train", "val", "train"));
}

TEST(Folds, WhatACellDoesNotSayIsNamed) {
    EXPECT_THAT(refusal(cases_with({"train", "trian"}), {.column = "fold"}),
                HasSubstr("case b: its column 'fold' is 'trian', not train, val or test"));
    EXPECT_THAT(refusal(cases_with({"0", "1"}), {.column = "fold"}), HasSubstr("data.fold says which validates"));
    EXPECT_THAT(refusal(cases_with({"0", "val"}), {.column = "fold", .number = 0}),
                HasSubstr("case b: its column 'fold' is 'val', which is no number"));
    EXPECT_THAT(refusal(cases_with({"0", "0.5"}), {.column = "fold", .number = 0}), HasSubstr("is '0.5'"));
    EXPECT_THAT(refusal(cases_with({"0", ""}), {.column = "fold", .number = 0}), HasSubstr("is blank"));
    EXPECT_THAT(refusal(cases_with({"0", "4"}), {.column = "fold", .number = 2}),
                HasSubstr("no case has the number 2 in the column 'fold'; there are 0, 4"));
    EXPECT_THAT(refusal(cases_with({"0"}), {.column = "Fold_1"}),
                HasSubstr("case a has no column 'Fold_1'; it has age, fold"));
}

TEST(Folds, ADataSetWithoutTheColumnMayKeepItsSplits) {
    const auto cases = cases_with({"val", "val"});
    EXPECT_THAT(splits_of(cases, {.column = "Fold_1", .may_lack_column = true}), ElementsAre("train", "train"));
    EXPECT_THAT(splits_of(cases, {.column = "fold", .may_lack_column = true}), ElementsAre("val", "val"));
    auto some = cases;
    some[0].columns["Fold_1"] = "val";
    EXPECT_THAT(refusal(some, {.column = "Fold_1", .may_lack_column = true}), HasSubstr("case b has no column"));
}

TEST(Folds, ByHashEveryCaseValidatesOnceAndTestCasesNever) {
    auto cases = cases_with(std::vector<std::string>(23, ""));
    cases[4].split = "test";
    cases[5].split = "val";
    std::map<std::string, int> times;
    for (int64_t number = 0; number < 5; ++number) {
        const auto splits = splits_of(cases, {.number = number, .count = 5});
        const auto own = std::ranges::count(splits, "val");
        EXPECT_TRUE(own == 4 || own == 5) << own;
        EXPECT_EQ(splits[4], "test");
        EXPECT_EQ(std::ranges::count(splits, "train"), 22 - own);
        for (size_t i = 0; i < cases.size(); ++i) times[cases[i].id] += splits[i] == "val" ? 1 : 0;
    }
    for (const auto& [id, count] : times) EXPECT_EQ(count, id == "e" ? 0 : 1) << id;
    // The order of cases decides nothing, the seed does.
    auto turned = cases;
    std::ranges::reverse(turned);
    auto splits = splits_of(turned, {.number = 2, .count = 5});
    std::ranges::reverse(splits);
    EXPECT_EQ(splits, splits_of(cases, {.number = 2, .count = 5}));
    EXPECT_NE(splits, splits_of(cases, {.number = 2, .count = 5, .seed = 1}));
    EXPECT_THAT(refusal(cases_with({"", ""}), {.number = 0, .count = 3}), HasSubstr("3 folds of 2 cases"));
}

TEST(Folds, AReaderGivesTheSplitsOfItsFold) {
    const test::TemporaryFolder folder;
    std::vector<CaseData> cases;
    for (const auto& [id, number] : {std::pair{"a", "1"}, {"b", "0"}, {"c", "1"}}) {
        cases.push_back(test::make_case(id, VoxelType::int16, 1, {8, 8, 8}));
        cases.back().info.columns = {{"fold", number}};
    }
    test::make_dataset(folder.path(), cases);
    EXPECT_THAT(ShardReader(folder.path()).split("train"), ElementsAre(0, 1, 2));
    const ShardReader reader(folder.path(), 0, {.column = "fold", .number = 1});
    EXPECT_THAT(reader.split("val"), ElementsAre(0, 2));
    EXPECT_THAT(reader.split("train"), ElementsAre(1));
    EXPECT_EQ(reader.digest(), ShardReader(folder.path()).digest());
}

}  // namespace
}  // namespace vox::data
