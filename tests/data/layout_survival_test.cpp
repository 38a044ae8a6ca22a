// Which line of a table makes which case: columns, names, folders of BraTS, and what a table may not say.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/error.hpp"
#include "data/layouts.hpp"
#include "support/temporary_folder.hpp"

namespace vox::data {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Pair;

class Survival : public testing::Test {
protected:
    void touch(const std::string& name) {
        std::filesystem::create_directories((folder_ / name).parent_path());
        std::ofstream(folder_ / name) << "listed, not read";
    }
    void table(const std::string& text, const std::string& name = "t.csv") { std::ofstream(folder_ / name) << text; }
    Listing list(const SurvivalChoice& choice = {}, const std::string& name = "t.csv") {
        return list_survival(folder_ / name, choice);
    }
    std::string refusal(const SurvivalChoice& choice = {}, const std::string& name = "t.csv") {
        try {
            list(choice, name);
        } catch (const core::DataError& error) {
            return error.what();
        }
        return "listed without complaint";
    }
    void brats_case(const std::string& id) {
        for (const char* part : {"_t1", "_t1ce", "_t2", "_flair", "_seg"})
            touch("set/" + id + "/" + id + part + ".nii.gz");
    }
    std::string problem(const Listing& listing, const std::string& id) {
        for (const auto& one : listing.cases) {
            if (one.id == id) return one.problem;
        }
        return "there is no case " + id;
    }
    const test::TemporaryFolder folder_;
};

TEST_F(Survival, ColumnsAreFoundByTheirNames) {
    touch("img/b.nii.gz");
    touch("img/a.nii");
    table("NIfTI Path,Survival_Time,STATUS,Age,note\nimg/b.nii.gz,2.50,Yes,61,\"left, high\"\nimg/a.nii,1e3,0,NA,\n");
    const Listing found = list();
    EXPECT_THAT(found.channels, ElementsAre("image"));
    EXPECT_EQ(found.scheme_hint, "generic");
    ASSERT_EQ(found.cases.size(), 2U);
    const CaseFiles &a = found.cases[0], &b = found.cases[1];
    EXPECT_EQ(a.id, "a");
    EXPECT_EQ(b.id, "b");
    EXPECT_EQ(b.channels.at(0).name, "image");
    EXPECT_EQ(b.channels.at(0).file, folder_ / "img/b.nii.gz");
    EXPECT_FALSE(b.label.has_value());
    EXPECT_EQ(a.problem + b.problem + a.split + b.split, "");
    EXPECT_THAT(b.columns,
                ElementsAre(Pair("Age", "61"), Pair("event", "1"), Pair("note", "left, high"), Pair("time", "2.5")));
    EXPECT_THAT(a.columns, ElementsAre(Pair("Age", ""), Pair("event", "0"), Pair("note", ""), Pair("time", "1000")));
    EXPECT_THAT(found.notes,
                ElementsAre(EndsWith(
                    "t.csv: 2 lines, 0 of them unusable; 1 events, 1 censored; unknown cells: Age 1, note 1")));
    EXPECT_EQ(found.provenance.at("time_column"), "Survival_Time");
    EXPECT_EQ(found.provenance.at("event_column"), "STATUS");
}

TEST_F(Survival, OptionsNameColumnsInAnyCaseOfLetters) {
    touch("x.nii.gz");
    table("scan,Months,progressed,time_to_scan,Fold_1,Fold_2,who\nx.nii.gz,7,true,3,VALID,train,patient 9\n");
    SurvivalChoice choice{.path_column = "SCAN",
                          .time_column = "months",
                          .event_column = "Progressed",
                          .fold_column = "fold_1",
                          .id_column = "who",
                          .images = {}};
    const auto one = list(choice).cases.at(0);
    EXPECT_EQ(one.id, "patient 9");
    EXPECT_EQ(one.split, "val");
    EXPECT_EQ(one.problem, "");
    EXPECT_THAT(one.columns, ElementsAre(Pair("Fold_1", "VALID"), Pair("Fold_2", "train"), Pair("event", "1"),
                                         Pair("time", "7"), Pair("time_to_scan", "3"), Pair("who", "patient 9")));
    choice.fold_column.clear();
    EXPECT_EQ(list(choice).cases.at(0).split, "");
}

TEST_F(Survival, AbsentAndAmbiguousColumnsAreNamedWithTheOption) {
    touch("x.nii.gz");
    const auto refused = [&](const std::string& header, const SurvivalChoice& choice = {}) {
        table(header + "\n" + std::string(static_cast<size_t>(std::ranges::count(header, ',')), ',') + "\n");
        return refusal(choice);
    };
    EXPECT_THAT(refused("path,event,age"),
                AllOf(HasSubstr("t.csv:1: no column is the time (time, survival_days"), HasSubstr("--time-column"),
                      HasSubstr("The columns are 'path', 'event', 'age'.")));
    EXPECT_THAT(refused("path,time,age"), AllOf(HasSubstr("no column is the event"), HasSubstr("--event-column")));
    EXPECT_THAT(refused("where,time,event"), AllOf(HasSubstr("no column is the path"), HasSubstr("--path-column")));
    EXPECT_THAT(refused("path,Time,duration,event"),
                HasSubstr("'Time' and 'duration' may both be the time: say which with --time-column"));
    EXPECT_THAT(refused("path,file,time,event"), HasSubstr("--path-column"));
    EXPECT_THAT(refused("path,time,event,dead"), HasSubstr("--event-column"));
    EXPECT_THAT(refused("path,time,event", {.fold_column = "Fold_1"}),
                HasSubstr("there is no column 'Fold_1', which --fold-column names"));
    EXPECT_THAT(refused("path,time,event,who,WHO", {.id_column = "Who"}), HasSubstr("say which with --id-column"));
    EXPECT_THAT(refused("path,time,event," + std::string(5000, 'n')), HasSubstr("column 4 is longer than 4096 bytes"));
    EXPECT_THAT(refused("path,time,event", {.event_column = "time"}), HasSubstr("'time' cannot be two things at once"));
    // What is chosen is stored as `time`, beside which nothing else can have that name.
    EXPECT_THAT(refused("path,months,Time,event", {.time_column = "months"}),
                HasSubstr("the column 'Time' would be taken for the time, which another column is"));
    EXPECT_THAT(refused("path,time,event,dead", {.event_column = "dead"}), HasSubstr("would be taken for the event"));
}

TEST_F(Survival, EveryLineThatCannotBeUsedIsToldWithItsReasons) {
    for (const char* name : {"a", "b", "c", "d", "e", "f", "g"}) touch(std::string(name) + ".nii.gz");
    touch("h.mha");
    const std::string too_long(5000, 'k');  // for a name of a file
    table(
        "path,time,event,age\n"
        "a.nii.gz,,1,60\n"
        "b.nii.gz,NA,maybe,60\n"
        "c.nii.gz,-2,0,60\n"
        "\n"
        "d.nii.gz,soon,1,60\n"
        "e.nii.gz,1,0\n"
        "absent.nii.gz,1,0,60\n"
        ",1,0,60\n"
        "h.mha,1,0,60\n"
        "f.nii.gz,3,1,60\n"
        "g.nii.gz,inf,,60\n" +
        too_long + "/k.nii.gz,1,1,60\n");
    const Listing found = list();
    ASSERT_EQ(found.cases.size(), 11U);
    EXPECT_THAT(problem(found, "k"), AllOf(HasSubstr("t.csv:13: "), EndsWith("does not exist")));
    EXPECT_THAT(problem(found, "a"), EndsWith("t.csv:2: time is blank"));
    EXPECT_THAT(problem(found, "b"),
                EndsWith("t.csv:3: time is NA; event is 'maybe', not 0, 1, true, false, yes or no"));
    EXPECT_THAT(problem(found, "c"), EndsWith("t.csv:4: time is -2, which is negative"));
    EXPECT_THAT(problem(found, "d"), EndsWith("t.csv:6: time is 'soon', which is no number"));
    EXPECT_THAT(problem(found, "of line 7"), EndsWith("t.csv:7: 3 cells where the header has 4"));
    EXPECT_THAT(problem(found, "absent"), AllOf(HasSubstr("t.csv:8: "), EndsWith("absent.nii.gz does not exist")));
    EXPECT_THAT(problem(found, "of line 9"), EndsWith("t.csv:9: path is blank"));
    EXPECT_THAT(problem(found, "h.mha"), AllOf(HasSubstr("t.csv:10: "), EndsWith("is no .nii or .nii.gz file")));
    EXPECT_EQ(problem(found, "f"), "");
    EXPECT_THAT(problem(found, "g"), EndsWith("t.csv:12: time is inf, which is not finite; event is blank"));
    EXPECT_THAT(found.notes.at(0),
                HasSubstr("11 lines, 7 of them unusable; 2 events, 2 censored; unknown cells: none"));
}

TEST_F(Survival, WhatAFoldOrANameMayNotBe) {
    for (const char* name : {"a", "b", "c"}) touch(std::string(name) + ".nii.gz");
    table("path,time,event,fold,who\na.nii.gz,1,1,,x/y\nb.nii.gz,1,1,4,\nc.nii.gz,1,1,test,c" + std::string(5000, 'c') +
          "\n");
    const Listing found = list({.fold_column = "fold", .id_column = "who"});
    ASSERT_EQ(found.cases.size(), 3U);
    EXPECT_THAT(problem(found, "x/y"), AllOf(HasSubstr("t.csv:2: fold is blank; "), HasSubstr("no slash")));
    EXPECT_THAT(problem(found, "of line 3"), EndsWith("t.csv:3: who is blank; fold is '4', not train, val or test"));
    EXPECT_THAT(problem(found, "c" + std::string(5000, 'c')), HasSubstr("who is longer than 4096 bytes"));
}

TEST_F(Survival, TabsPartCellsOfTsvAndQuotesHoldThem) {
    touch("a.nii.gz");
    table("path\ttime\tevent\tnote, long\ttab\na.nii.gz\t4\t1\tone, two\t\"a\tb\"\"\"\n", "t.tsv");
    const auto one = list({}, "t.tsv").cases.at(0);
    EXPECT_EQ(one.problem, "");
    EXPECT_EQ(one.columns.at("note, long"), "one, two");
    EXPECT_EQ(one.columns.at("tab"), "a\tb\"");
}

TEST_F(Survival, PathsAreFromTheTableOrFromImagesAndMayBeFolders) {
    touch("elsewhere/img/a.nii.gz");
    touch("elsewhere/whole/scan.nii.gz");
    touch("elsewhere/whole/notes.txt");
    touch("elsewhere/two/x.nii.gz");
    touch("elsewhere/two/y.nii");
    table("path,time,event\nimg/a.nii.gz,1,1\nwhole/,1,0\ntwo,1,0\n");
    EXPECT_THAT(problem(list(), "a"), HasSubstr("img/a.nii.gz does not exist"));
    const Listing found = list({.images = folder_ / "elsewhere"});
    EXPECT_EQ(problem(found, "a"), "");
    EXPECT_EQ(problem(found, "whole"), "");
    EXPECT_EQ(found.cases.at(2).channels.at(0).file, folder_ / "elsewhere/whole/scan.nii.gz");
    EXPECT_THAT(problem(found, "two"), HasSubstr("is a folder with 2 .nii or .nii.gz files where one is meant"));
    EXPECT_THAT(refusal({.images = folder_ / "nowhere"}), HasSubstr("nowhere: is not a folder"));
    table("path,time,event\n" + (folder_ / "elsewhere/img/a.nii.gz").string() + ",1,1\n");
    EXPECT_EQ(problem(list(), "a"), "");  // an absolute path
}

TEST_F(Survival, OneNameOnTwoLinesIsRefusedWithBoth) {
    touch("1/scan.nii.gz");
    touch("2/scan.nii");
    table("path,time,event,who\n1/scan.nii.gz,1,1,x\n2/scan.nii,2,0,x\n");
    EXPECT_THAT(refusal(), AllOf(HasSubstr("t.csv:3: case scan is already at "), HasSubstr("t.csv:2\n"),
                                 HasSubstr("name a column that has one with --id-column")));
    EXPECT_THAT(refusal({.id_column = "who"}),
                AllOf(HasSubstr("t.csv:3: case x is already at "), HasSubstr("give another --id-column")));
}

TEST_F(Survival, OtherKindsOfFilesAreRefused) {
    EXPECT_THAT(refusal({}, ""), HasSubstr("is a folder; layout survival takes a table"));
    table("path,time,event\n", "t.xlsx");
    EXPECT_THAT(refusal({}, "t.xlsx"), HasSubstr("reads .csv and .tsv tables"));
    table("path,time,event\n");
    EXPECT_THAT(refusal(), HasSubstr("t.csv: lists no case"));
    EXPECT_THAT(refusal({}, "absent.csv"), HasSubstr("cannot be read"));
    table("path,time,event\n\"x,1,1\n");
    EXPECT_THAT(refusal(), HasSubstr("t.csv:2: a quote that never closes"));
}

TEST_F(Survival, TablesOfBratsNameCaseFoldersAndTellWhoIsAlive) {
    for (const char* id : {"B_001", "B_002", "B_003", "B_009"}) brats_case(id);
    std::filesystem::remove(folder_ / "set/B_003/B_003_t2.nii.gz");
    table(
        "Brats17ID,Age,Survival_days,Extent_of_Resection\n"
        "B_001,60.463,289,GTR\nB_002,52.2,ALIVE (361 days later),NA\nB_003,54,616,\nB_004,39,464,GTR\n"
        "B_003x,54,ALIVE,GTR\n",
        "set/survival_info.csv");
    const Listing found = list({}, "set/survival_info.csv");
    EXPECT_THAT(found.channels, ElementsAre("t1", "t1ce", "t2", "flair"));
    ASSERT_EQ(found.cases.size(), 5U);
    const CaseFiles &dead = found.cases[0], &alive = found.cases[1], &gap = found.cases[2];
    EXPECT_EQ(dead.problem + alive.problem, "");
    EXPECT_THAT(dead.columns, ElementsAre(Pair("Age", "60.463"), Pair("Brats17ID", "B_001"),
                                          Pair("Extent_of_Resection", "GTR"), Pair("event", "1"), Pair("time", "289")));
    EXPECT_EQ(alive.columns.at("time") + alive.columns.at("event"), "3610");
    EXPECT_EQ(alive.columns.at("Extent_of_Resection"), "");
    ASSERT_EQ(dead.channels.size(), 4U);
    EXPECT_EQ(dead.channels[1].file, folder_ / "set/B_001/B_001_t1ce.nii.gz");
    EXPECT_FALSE(dead.label.has_value());  // its segmentation says nothing of survival
    EXPECT_THAT(gap.problem, AllOf(HasSubstr("survival_info.csv:4: "), EndsWith("missing modality t2")));
    EXPECT_THAT(gap.missing, ElementsAre("t2"));
    EXPECT_THAT(problem(found, "B_004"), EndsWith("set holds no BraTS case B_004"));
    EXPECT_THAT(problem(found, "B_003x"), HasSubstr("Survival_days is 'ALIVE', which is no number"));
}

TEST_F(Survival, MissingModalitiesDoNotHideAnotherProblem) {
    brats_case("B_001");
    std::filesystem::remove(folder_ / "set/B_001/B_001_t2.nii.gz");
    table("BraTS20ID,Survival_days\nB_001,NA\n");
    CaseFiles one = list({.images = folder_ / "set"}).cases.at(0);
    EXPECT_THAT(one.problem, AllOf(HasSubstr("Survival_days is NA"), HasSubstr("missing modality t2")));
    EXPECT_TRUE(one.missing.empty());
}

TEST_F(Survival, TwoColumnsOfBratsNamesNeedAChoice) {
    brats_case("B_001");
    table("Brats17ID,BraTS20ID,Survival_days\nB_017,B_001,300\n");
    EXPECT_THAT(refusal({.images = folder_ / "set"}), HasSubstr("say which with --id-column"));
    EXPECT_EQ(problem(list({.id_column = "BraTS20ID", .images = folder_ / "set"}), "B_001"), "");
}

TEST_F(Survival, ATableOfBratsWithAnEventColumnIsReadByIt) {
    brats_case("B_001");
    table("BraTS20ID,Survival_days,event\nB_001,300,0\n");
    EXPECT_EQ(list({.images = folder_ / "set"}).cases.at(0).columns.at("event"), "0");
    table("BraTS20ID,Survival_days,event\nB_001,ALIVE (3 days later),0\n");
    EXPECT_THAT(list({.images = folder_ / "set"}).cases.at(0).problem, HasSubstr("which is no number"));
}

}  // namespace
}  // namespace vox::data
