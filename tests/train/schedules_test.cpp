#include "train/schedules.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "core/error.hpp"
#include "support/read_options.hpp"
#include "train/golden.hpp"

namespace vox::train {
namespace {

using test::golden;

ScheduleOptions options_of(const std::string& name, int64_t warmup_steps = 0) {
    ScheduleOptions options;
    options.name = name;
    options.warmup_steps = warmup_steps;
    options.warmup_start = 0.05;
    options.min_lr = name.starts_with("cosine") ? 0.001 : 0;
    return options;
}

void expect_golden(const Schedule& schedule, const std::string& name) {
    const auto expected = golden("schedules").at(name).get<std::vector<double>>();
    ASSERT_EQ(expected.size(), 30u);
    for (size_t step = 0; step < expected.size(); ++step) {
        EXPECT_NEAR(schedule.lr(static_cast<int64_t>(step)), expected[step], 1e-12) << name << " step " << step;
    }
}

TEST(Schedule, EqualsTorchAtEveryStep) {
    expect_golden(Schedule(options_of("cosine"), 0.1, 30), "cosine");
    expect_golden(Schedule(options_of("poly"), 0.1, 30), "poly");
    auto restarts = options_of("cosine_restarts");
    restarts.restart_steps = 4;
    expect_golden(Schedule(restarts, 0.1, 30), "cosine_restarts");
    restarts.restart_factor = 1;
    expect_golden(Schedule(restarts, 0.1, 30), "cosine_restarts_equal");
    // A quarter of 16 steps, warm-up before.
    auto quarter = options_of("cosine_restarts", 5);
    for (const int64_t step : {0, 1, 7, 20})
        EXPECT_EQ(Schedule(quarter, 0.1, 21).lr(5 + step), Schedule(options_of("cosine_restarts"), 0.1, 16).lr(step));
    EXPECT_EQ(Schedule(quarter, 0.1, 21).lr(5 + 4), 0.1);
    expect_golden(Schedule(options_of("constant", 5), 0.1, 30), "constant_warmup");
    expect_golden(Schedule(options_of("cosine", 5), 0.1, 30), "cosine_warmup");
    expect_golden(Schedule(options_of("poly", 5), 0.1, 30), "poly_warmup");
}

TEST(Schedule, StaysAtItsEndBeyondTheLastStep) {
    EXPECT_EQ(Schedule(options_of("cosine"), 0.1, 30).lr(1000), 0.001);
    EXPECT_EQ(Schedule(options_of("poly"), 0.1, 30).lr(30), 0);
    EXPECT_EQ(Schedule(options_of("constant"), 0.1, 30).lr(1000), 0.1);
    EXPECT_EQ(Schedule(options_of("cosine", 30), 0.1, 30).lr(30), 0.1);  // nothing but warm-up
}

void expect_cycle(const ScheduleOptions& options, const std::string& name) {
    const auto lr = golden("schedules").at(name).at("lr").get<std::vector<double>>();
    const auto momentum = golden("schedules").at(name).at("momentum").get<std::vector<double>>();
    const Schedule schedule(options, 0.1, static_cast<int64_t>(lr.size()));
    for (size_t step = 0; step < lr.size(); ++step) {
        const auto now = static_cast<int64_t>(step);
        EXPECT_NEAR(schedule.lr(now), lr[step], 1e-15) << name << " step " << step;
        EXPECT_NEAR(schedule.momentum(now).value(), momentum[step], 1e-15) << name << " step " << step;
    }
}

TEST(OneCycle, RateAndMomentumEqualTorchAtEveryStep) {
    auto options = options_of("onecycle");
    expect_cycle(options, "onecycle");
    expect_cycle(options, "onecycle_sgd");
    expect_cycle(options, "onecycle_of_two");
    options.onecycle_pct_start = 0;
    expect_cycle(options, "onecycle_falls");
    options.onecycle_pct_start = 1;
    expect_cycle(options, "onecycle_rises");
    options.onecycle_pct_start = 0.45;
    options.onecycle_div_factor = 10;
    options.onecycle_final_div_factor = 50;
    options.onecycle_momentum = {0.5, 0.75};
    expect_cycle(options, "onecycle_other");
}

TEST(OneCycle, StaysAtItsEndAndBearsRunsOfAFewSteps) {
    const auto options = options_of("onecycle");
    EXPECT_DOUBLE_EQ(Schedule(options, 0.1, 30).lr(1000), 4e-7);
    EXPECT_DOUBLE_EQ(Schedule(options, 0.1, 30).momentum(1000).value(), 0.95);
    EXPECT_DOUBLE_EQ(Schedule(options, 0.1, 1).lr(0), 4e-7);
    auto half = options;
    half.onecycle_pct_start = 0.5;  // of two steps: torch divides 0 by 0
    EXPECT_DOUBLE_EQ(Schedule(half, 0.1, 2).lr(0), 0.1);
    EXPECT_DOUBLE_EQ(Schedule(half, 0.1, 2).lr(1), 4e-7);
}

TEST(OneCycle, TheMomentumIsLeftAloneWhereItIsNotCycled) {
    auto options = options_of("onecycle");
    options.onecycle_momentum = {};
    EXPECT_EQ(Schedule(options, 0.1, 30).momentum(3), std::nullopt);
    for (const auto* name : {"constant", "cosine", "poly", "plateau"})
        EXPECT_EQ(Schedule(options_of(name), 0.1, 30).momentum(3), std::nullopt) << name;
}

ScheduleOptions plateau_options() {
    ScheduleOptions options = options_of("plateau");
    options.plateau_factor = 0.5;
    options.plateau_patience = 2;
    options.plateau_threshold = 0.01;
    options.min_lr = 0.02;
    return options;
}

TEST(Plateau, EqualsTorchInBothDirectionsAndOverAResume) {
    const auto figures = golden("schedules").at("plateau_figures").get<std::vector<double>>();
    for (const bool higher_is_better : {true, false}) {
        const auto expected =
            golden("schedules").at(higher_is_better ? "plateau_max" : "plateau_min").get<std::vector<double>>();
        Schedule schedule(plateau_options(), 0.1, 100);
        for (size_t i = 0; i < figures.size(); ++i) {
            schedule.observe(higher_is_better ? figures[i] : 1 - figures[i], higher_is_better);
            EXPECT_NEAR(schedule.lr(50), expected[i], 1e-15) << i;
            Schedule resumed(plateau_options(), 0.1, 100);
            resumed.load_state(schedule.state());
            schedule = resumed;
        }
        EXPECT_EQ(schedule.lr(50), 0.02);  // the figures reach the lowest rate
    }
}

TEST(Plateau, EqualsTorchWithGapsAndNegativeFigures) {
    for (const std::string name : {"plateau_odd", "plateau_negative"}) {
        const auto expected = golden("schedules").at(name).get<std::vector<double>>();
        const auto figures = golden("schedules").at(name + "_figures");
        ASSERT_EQ(figures.size(), expected.size());
        Schedule schedule(plateau_options(), 0.1, 100);
        for (size_t i = 0; i < expected.size(); ++i) {
            schedule.observe(figures[i].is_null() ? std::nan("") : figures[i].get<double>(), true);
            EXPECT_NEAR(schedule.lr(50), expected[i], 1e-15) << name << ' ' << i;
        }
    }
}

TEST(Plateau, TakesANotANumberAsNoProgress) {
    Schedule schedule(plateau_options(), 0.1, 100);
    for (int i = 0; i < 3; ++i) schedule.observe(std::nan(""), true);
    EXPECT_EQ(schedule.lr(0), 0.05);
    schedule.observe(0.5, true);
    EXPECT_EQ(schedule.state().at("plateau.best"), 0.5);
}

TEST(Plateau, NeedsItsStateAndOthersIgnoreIt) {
    EXPECT_THROW(Schedule(plateau_options(), 0.1, 100).load_state({}), core::DataError);
    Schedule cosine(options_of("cosine"), 0.1, 30);
    EXPECT_TRUE(cosine.state().empty());
    EXPECT_NO_THROW(cosine.load_state({}));
    const double before = cosine.lr(10);
    for (int i = 0; i < 50; ++i) cosine.observe(0, true);
    EXPECT_EQ(cosine.lr(10), before);
}

TEST(LrScaling, GrowsWithTheEffectiveBatch) {
    ScheduleOptions options;
    options.lr_scaling_base_batch = 2;
    EXPECT_EQ(scaled_lr(0.1, 32, options), 0.1);
    options.lr_scaling = "linear";
    EXPECT_DOUBLE_EQ(scaled_lr(0.1, 32, options), 1.6);
    options.lr_scaling = "sqrt";
    EXPECT_DOUBLE_EQ(scaled_lr(0.1, 32, options), 0.4);
}

const auto read = vox::test::read_options<ScheduleOptions>;

TEST(ScheduleOptions, EveryKeyIsReadAndNonsenseRefused) {
    const auto options = read(
        "{name: poly, warmup_steps: 3, warmup_start: 0.5, min_lr: 0.25, power: 2, plateau_factor: 0.75, "
        "plateau_patience: 4, "
        "plateau_threshold: 0.125, restart_steps: 7, restart_factor: 3, onecycle_pct_start: 0.25, onecycle_div_factor: "
        "5, onecycle_final_div_factor: 6, "
        "onecycle_momentum: [0.5, 0.625], lr_scaling: sqrt, lr_scaling_base_batch: 8}");
    EXPECT_EQ(options.name, "poly");
    EXPECT_EQ(options.warmup_steps, 3);
    EXPECT_EQ(options.warmup_start, 0.5);
    EXPECT_EQ(options.min_lr, 0.25);
    EXPECT_EQ(options.power, 2);
    EXPECT_EQ(options.plateau_factor, 0.75);
    EXPECT_EQ(options.plateau_patience, 4);
    EXPECT_EQ(options.plateau_threshold, 0.125);
    EXPECT_EQ(options.restart_steps, 7);
    EXPECT_EQ(options.restart_factor, 3);
    EXPECT_EQ(options.onecycle_pct_start, 0.25);
    EXPECT_EQ(options.onecycle_div_factor, 5);
    EXPECT_EQ(options.onecycle_final_div_factor, 6);
    EXPECT_THAT(options.onecycle_momentum, testing::ElementsAre(0.5, 0.625));
    EXPECT_EQ(options.lr_scaling, "sqrt");
    EXPECT_EQ(options.lr_scaling_base_batch, 8);
    for (const auto* text : {"name: exponential",
                             "warmup_steps: -1",
                             "warmup_start: 2",
                             "min_lr: -1",
                             "power: 0",
                             "plateau_factor: 1",
                             "plateau_patience: -1",
                             "plateau_threshold: 1",
                             "restart_steps: -1",
                             "restart_factor: 0",
                             "onecycle_pct_start: 1.5",
                             "onecycle_div_factor: 0.5",
                             "onecycle_final_div_factor: 0",
                             "onecycle_momentum: [0.9]",
                             "onecycle_momentum: [0.95, 0.85]",
                             "onecycle_momentum: [0.5, 1]",
                             "{name: onecycle, warmup_steps: 1}",
                             "{name: onecycle, min_lr: 1e-6}",
                             "lr_scaling: cubic",
                             "lr_scaling_base_batch: 0"}) {
        EXPECT_THROW(read(text), core::ConfigError) << text;
    }
    EXPECT_TRUE(read("{name: onecycle, onecycle_momentum: []}").onecycle_momentum.empty());
}

TEST(Schedule, RefusesContradictions) {
    EXPECT_THROW(Schedule(options_of("cosine", 31), 0.1, 30), core::ConfigError);
    EXPECT_THROW(Schedule(plateau_options(), 0.01, 30), core::ConfigError);
}

}  // namespace
}  // namespace vox::train
