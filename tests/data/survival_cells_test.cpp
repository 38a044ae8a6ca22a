#include "data/survival_cells.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <charconv>

namespace vox::data {
namespace {

using testing::HasSubstr;

TEST(SurvivalCells, TimesAreNumbersThatAreFiniteAndNotNegative) {
    for (const auto& [cell, time] :
         {std::pair{"0", 0.0}, {" 361 ", 361.0}, {"2.50", 2.5}, {"1e-3", 0.001}, {"-0", 0.0}, {"1.5E2", 150.0}}) {
        const TimeCell found = time_of(cell);
        EXPECT_EQ(found.problem, "") << cell;
        EXPECT_EQ(found.time, time) << cell;
        EXPECT_FALSE(found.alive) << cell;
    }
    for (const auto& [cell, problem] : {std::pair{"", "is blank"},
                                        {"  ", "is blank"},
                                        {"NA", "is NA"},
                                        {"n/a", "is n/a"},
                                        {"NaN", "is NaN"},
                                        {"null", "is null"},
                                        {"two", "is 'two', which is no number"},
                                        {"1,5", "is '1,5', which is no number"},
                                        {"3 days", "is '3 days', which is no number"},
                                        {"0x10", "is '0x10', which is no number"},
                                        {"-1", "is -1, which is negative"},
                                        {"inf", "is inf, which is not finite"},
                                        {"1e999", "is 1e999, which is not finite"},
                                        {"ALIVE (361 days later)", "which is no number"}}) {
        EXPECT_THAT(time_of(cell).problem, HasSubstr(problem)) << cell;
    }
}

TEST(SurvivalCells, TablesOfBratsTellTheLivingInWords) {
    const TimeCell alive = brats_time_of("ALIVE (361 days later)");
    EXPECT_EQ(alive.problem, "");
    EXPECT_EQ(alive.time, 361);
    EXPECT_TRUE(alive.alive);
    EXPECT_TRUE(brats_time_of(" alive (12.5 days later)").alive);
    EXPECT_FALSE(brats_time_of("361").alive);
    EXPECT_EQ(brats_time_of("361").time, 361);
    EXPECT_THAT(brats_time_of("ALIVE (many days later)").problem, HasSubstr("tells no number of days"));
    EXPECT_THAT(brats_time_of("ALIVE (-3 days later)").problem, HasSubstr("tells no number of days"));
    EXPECT_THAT(brats_time_of("ALIVE (361 days").problem, HasSubstr("is no number"));
    EXPECT_THAT(brats_time_of("alive ( days later)").problem, HasSubstr("tells no number of days"));
    EXPECT_THAT(brats_time_of("alive").problem, HasSubstr("is no number"));
    EXPECT_THAT(brats_time_of("NA").problem, HasSubstr("is NA"));
}

TEST(SurvivalCells, EventsAndSplits) {
    for (const char* cell : {"1", "true", "TRUE", "Yes", " 1"}) EXPECT_EQ(event_of(cell).word, "1") << cell;
    for (const char* cell : {"0", "False", "no"}) EXPECT_EQ(event_of(cell).word, "0") << cell;
    for (const char* cell : {"2", "dead", "1.0", "-1"}) {
        EXPECT_THAT(event_of(cell).problem, HasSubstr("not 0, 1, true, false, yes or no")) << cell;
        EXPECT_EQ(event_of(cell).word, "") << cell;
    }
    EXPECT_EQ(event_of("").problem, "is blank");
    EXPECT_EQ(event_of("N/A").problem, "is N/A");
    EXPECT_EQ(split_of("Train").word, "train");
    for (const char* cell : {"val", "VALID", "validation"}) EXPECT_EQ(split_of(cell).word, "val") << cell;
    EXPECT_EQ(split_of("test").word, "test");
    EXPECT_EQ(split_of("").problem, "is blank");
    EXPECT_THAT(split_of("3").problem, HasSubstr("is '3', not train, val or test"));
}

TEST(SurvivalCells, NumbersAreTheShortestTextThatReadsBack) {
    EXPECT_EQ(shortest_decimal(361), "361");
    EXPECT_EQ(shortest_decimal(0.1), "0.1");
    EXPECT_EQ(shortest_decimal(100000), "100000");
    EXPECT_EQ(shortest_decimal(1e-5), "0.00001");
    for (const double value : {1.0 / 3, 5e-324, 1.7976931348623157e308, 123456.789}) {
        const std::string text = shortest_decimal(value);
        double back = 0;
        std::from_chars(text.data(), text.data() + text.size(), back);
        EXPECT_EQ(back, value) << text;
        EXPECT_EQ(text.find('e'), std::string::npos);
    }
}

}  // namespace
}  // namespace vox::data
