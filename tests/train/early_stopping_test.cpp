#include "train/early_stopping.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.hpp"
#include "support/read_options.hpp"
#include "train/golden.hpp"

namespace vox::train {
namespace {

using testing::HasSubstr;

double figure_of(const nlohmann::json& value) { return value.is_null() ? std::nan("") : value.get<double>(); }

EarlyStoppingOptions options_of(int64_t patience, double min_delta = 0, const std::string& mode = "absolute") {
    EarlyStoppingOptions options;
    options.patience = patience;
    options.min_delta = min_delta;
    options.min_delta_mode = mode;
    return options;
}

// torch's plateau schedule counts the same thing; each validation may be the last before a restart.
TEST(EarlyStopping, CountsAsTorchDoesAlsoOverResumes) {
    size_t cases = 0;
    for (const auto& one : test::golden("early_stopping")) {
        const auto options = options_of(1000, one.at("min_delta"), one.at("mode"));
        EarlyStopping stopping(options);
        for (size_t i = 0; i < one.at("figures").size(); ++i) {
            stopping.observe(figure_of(one["figures"][i]), one.at("higher_is_better"));
            const auto state = stopping.state();
            EXPECT_EQ(state.at("early_stopping.without_progress"), one["without_progress"][i]) << one << " at " << i;
            EarlyStopping resumed(options);
            resumed.load_state(state);
            stopping = resumed;
        }
        ++cases;
    }
    EXPECT_EQ(cases, 6u);
}

TEST(EarlyStopping, IsOverAfterSoManyValidationsInARow) {
    EarlyStopping stopping(options_of(2));
    for (const double figure : {0.1, 0.1, 0.2, 0.2}) {
        stopping.observe(figure, true);
        EXPECT_FALSE(stopping.over()) << figure;
    }
    stopping.observe(0.2, true);
    EXPECT_TRUE(stopping.over());
    EXPECT_EQ(stopping.reason("dice"),
              "early stopping: dice is no better than 0.2 after 2 validations without progress");
}

TEST(EarlyStopping, InfinityAndNotANumberAreNoProgress) {
    EarlyStopping stopping(options_of(3));
    for (const double figure : {std::nan(""), HUGE_VAL, -HUGE_VAL}) stopping.observe(figure, true);
    EXPECT_TRUE(stopping.over());
    EXPECT_THAT(stopping.reason("dice"), HasSubstr("dice was never a number after 3 validations"));
}

TEST(EarlyStopping, NeverEndsARunThatDidNotAskForIt) {
    EarlyStopping stopping(options_of(0));
    for (int i = 0; i < 100; ++i) stopping.observe(0.5, true);
    EXPECT_FALSE(stopping.over());
    EXPECT_TRUE(stopping.state().empty());
}

TEST(EarlyStopping, ARunThatBeginsToCountBeginsAtZeroAndMorePatienceGoesOn) {
    EarlyStopping stopping(options_of(2));
    stopping.load_state({{"best", 0.5}});
    stopping.observe(0.1, true);
    stopping.observe(0.1, true);
    stopping.observe(0.1, true);
    ASSERT_TRUE(stopping.over());
    EarlyStopping patient(options_of(5));
    patient.load_state(stopping.state());
    EXPECT_FALSE(patient.over());
    for (int i = 0; i < 3; ++i) patient.observe(0.1, true);
    EXPECT_TRUE(patient.over());
}

const auto read = vox::test::read_options<EarlyStoppingOptions>;

TEST(EarlyStoppingOptions, EveryKeyIsReadAndNonsenseRefused) {
    const auto options = read("{patience: 7, min_delta: 0.25, min_delta_mode: relative}");
    EXPECT_EQ(options.patience, 7);
    EXPECT_EQ(options.min_delta, 0.25);
    EXPECT_EQ(options.min_delta_mode, "relative");
    for (const auto* text : {"patience: -1", "min_delta: -0.1", "min_delta_mode: share", "min_deltas: 1"})
        EXPECT_THROW(read(text), core::ConfigError) << text;
}

}  // namespace
}  // namespace vox::train
