#include "data/csv.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/error.hpp"
#include "support/temporary_folder.hpp"

namespace vox::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Csv : public testing::Test {
protected:
    CsvTable read(const std::string& text) {
        std::ofstream(folder_ / "t.csv", std::ios::binary) << text;
        return read_csv(folder_ / "t.csv");
    }
    std::string refusal(const std::string& text) {
        try {
            read(text);
        } catch (const core::DataError& error) {
            return error.what();
        }
        return "read without complaint";
    }
    const test::TemporaryFolder folder_;
};

TEST_F(Csv, QuotesCommasLineEndsAndEmptyCells) {
    const auto table = read("\xEF\xBB\xBFID,note,age\r\n1,\"a, \"\"b\"\"\r\nand c\",\r\n\r\n2,NA,61.5");
    EXPECT_THAT(table.header, ElementsAre("ID", "note", "age"));
    ASSERT_EQ(table.rows.size(), 2U);
    EXPECT_THAT(table.rows[0].cells, ElementsAre("1", "a, \"b\"\r\nand c", ""));
    EXPECT_THAT(table.rows[1].cells, ElementsAre("2", "NA", "61.5"));
    EXPECT_EQ(table.rows[0].line, 2U);
    EXPECT_EQ(table.rows[1].line, 5U);  // a quoted line end and an empty line lie between
    EXPECT_EQ(table.column("age"), 2U);
    EXPECT_TRUE(table.has_column("note"));
    EXPECT_FALSE(table.has_column("Age"));
    EXPECT_EQ(table.place(table.rows[1]), (folder_ / "t.csv").string() + ":5");
}

TEST_F(Csv, OneColumnAndSpacesStay) {
    const auto table = read("a\n x \n\"\"\n");
    ASSERT_EQ(table.rows.size(), 2U);
    EXPECT_THAT(table.rows[0].cells, ElementsAre(" x "));
    EXPECT_THAT(table.rows[1].cells, ElementsAre(""));
}

TEST_F(Csv, TabsPartCellsWhereTheNameEndsInTsv) {
    std::ofstream(folder_ / "t.tsv", std::ios::binary) << "a, b\tc\r\n1,5\t\"x\ty\"\r\n";
    const auto table = read_csv(folder_ / "t.tsv");
    EXPECT_THAT(table.header, ElementsAre("a, b", "c"));
    ASSERT_EQ(table.rows.size(), 1U);
    EXPECT_THAT(table.rows[0].cells, ElementsAre("1,5", "x\ty"));
    EXPECT_THAT(read("a\tb\n1\t2\n").header, ElementsAre("a\tb"));  // .csv
}

TEST_F(Csv, LinesOfOtherLengthAreKeptForWhoAsks) {
    std::ofstream(folder_ / "t.csv") << "a,b\n1\n1,2\n1,2,3\n";
    const auto table = read_csv(folder_ / "t.csv", LinesOfOtherLength::kept);
    ASSERT_EQ(table.rows.size(), 3U);
    EXPECT_THAT(table.rows[0].cells, ElementsAre("1"));
    EXPECT_THAT(table.rows[2].cells, ElementsAre("1", "2", "3"));
    EXPECT_EQ(table.rows[2].line, 4U);
}

TEST_F(Csv, WhatIsWrongIsNamedWithFileAndLine) {
    EXPECT_THAT(refusal(""), HasSubstr("t.csv:1: the file has no header"));
    EXPECT_THAT(refusal("a,b\n1,2\n3\n"), HasSubstr("t.csv:3: 1 cells where the header has 2"));
    EXPECT_THAT(refusal("a,b\n1,2,3\n"), HasSubstr("t.csv:2: 3 cells where the header has 2"));
    EXPECT_THAT(refusal("a,a\n"), HasSubstr("t.csv:1: the column 'a' is there twice"));
    EXPECT_THAT(refusal("a,\n"), HasSubstr("t.csv:1: a column has no name"));
    EXPECT_THAT(refusal("a,b\n1,x\"y\n"), HasSubstr("t.csv:2: a quote inside"));
    EXPECT_THAT(refusal("a,b\n\"1\"x,2\n"), HasSubstr("t.csv:2: text after a closing quote"));
    EXPECT_THAT(refusal("a,b\n1,2\n\"3,\n4\n"), HasSubstr("t.csv:3: a quote that never closes"));
    EXPECT_THAT(refusal("a,b\r1,2\r"), HasSubstr("t.csv:1: a carriage return"));
    EXPECT_THAT(refusal(std::string("a\n1\nx\0y\n", 8)), HasSubstr("t.csv:3: a zero byte"));
    EXPECT_THROW(read_csv(folder_ / "absent.csv"), core::DataError);
    EXPECT_THROW(read_csv(folder_.path()), core::DataError);
    try {
        read("ID,t2\n1,2\n").column("t3");
        FAIL();
    } catch (const core::DataError& error) {
        EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("t.csv:1: there is no column 't3'"), HasSubstr("'t2'")));
    }
}

}  // namespace
}  // namespace vox::data
