#include "ops/noise_schedule.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/error.hpp"
#include "support/golden.hpp"

namespace vox::ops {
namespace {

using testing::ElementsAre;

NoiseSchedule named(const std::string& betas) {
    NoiseScheduleOptions options;
    options.betas = betas;
    return NoiseSchedule(options);
}

/// MONAI's linear, quad and sigmoid betas are float32.
TEST(NoiseSchedule, EqualsMonais) {
    const auto golden = test::golden_json("noise_schedule");
    const auto at = golden["at"].get<std::vector<int64_t>>();
    for (const auto& [name, values] : golden["schedules"].items()) {
        const NoiseSchedule schedule = named(name);
        ASSERT_EQ(schedule.timesteps(), 1000);
        for (size_t i = 0; i < at.size(); ++i) {
            const double beta = values["betas"][i], bar = values["alpha_bars"][i];
            EXPECT_NEAR(schedule.beta(at[i]) / beta, 1, 1e-6) << name << ' ' << at[i];
            EXPECT_NEAR(schedule.alpha_bar(at[i]) / bar, 1, 1e-5) << name << ' ' << at[i];
        }
    }
}

TEST(NoiseSchedule, HasThePublishedValues) {
    const NoiseSchedule linear = named("linear");
    for (const auto& [t, bar] : std::map<int64_t, double>{{99, .897},
                                                          {199, .659},
                                                          {399, .195},
                                                          {599, .0259},
                                                          {699, .00697},
                                                          {799, .00153},
                                                          {849, 6.7e-4},
                                                          {899, 2.75e-4},
                                                          {949, 1.08e-4},
                                                          {999, 4.0e-5}})
        EXPECT_NEAR(linear.alpha_bar(t) / bar, 1, 0.01) << t;
    const NoiseSchedule cosine = named("cosine");
    for (const auto& [t, bar] : std::map<int64_t, double>{{99, .97209}, {499, .49384}, {899, .02409}, {999, 2.43e-9}})
        EXPECT_NEAR(cosine.alpha_bar(t) / bar, 1, 2e-3) << t;
    NoiseScheduleOptions both_ends;
    both_ends.betas = "cosine";
    both_ends.beta_low = 1e-4;
    both_ends.beta_high = 0.9999;
    const NoiseSchedule clipped(both_ends);
    for (const auto& [t, bar] : std::map<int64_t, double>{{99, .97172}, {499, .49365}, {899, .02408}, {999, 2.43e-10}})
        EXPECT_NEAR(clipped.alpha_bar(t) / bar, 1, 2e-3) << t;
    EXPECT_EQ(linear.alpha_bar(-1), 1.0);
}

TEST(NoiseSchedule, RefusesWhatMakesNone) {
    EXPECT_THROW(named("exponential"), core::ConfigError);
    NoiseScheduleOptions options;
    options.timesteps = 0;
    EXPECT_THROW(NoiseSchedule{options}, core::ConfigError);
    options.timesteps = 10;
    options.beta_end = 1.5;
    EXPECT_THROW(NoiseSchedule{options}, core::ConfigError);
    EXPECT_THROW(prediction_from("noise"), core::ConfigError);
    EXPECT_EQ(prediction_from("v"), Prediction::v);
}

/// Each item at its own timestep; the way there and back, by each kind of prediction.
TEST(NoiseSchedule, PredictionsOfEachKindGiveBackVolumeAndNoise) {
    const NoiseSchedule schedule = named("cosine");
    const at::Tensor x0 = test::uniform({3, 2, 4, 5, 6}, 1) * 2 - 1, noise = test::uniform({3, 2, 4, 5, 6}, 2) * 4 - 2;
    const at::Tensor t = at::arange(3, at::kLong) * 400 + 50;
    const at::Tensor x_t = schedule.add_noise(x0, noise, t);
    for (int64_t item = 0; item < 3; ++item) {
        const double bar = schedule.alpha_bar(50 + 400 * item);
        EXPECT_TRUE(
            at::allclose(x_t[item], std::sqrt(bar) * x0[item] + std::sqrt(1 - bar) * noise[item], 1e-12, 1e-12));
    }
    for (const auto kind : {Prediction::epsilon, Prediction::sample, Prediction::v}) {
        const at::Tensor prediction = schedule.target(kind, x0, noise, t);
        EXPECT_TRUE(at::allclose(schedule.x0_of(kind, prediction, x_t, t), x0, 1e-9, 1e-9)) << static_cast<int>(kind);
        EXPECT_TRUE(at::allclose(schedule.noise_of(kind, prediction, x_t, t), noise, 1e-9, 1e-9))
            << static_cast<int>(kind);
    }
    // What is learnt by v: the derivative of x_t along the angle from x0 to noise.
    const double bar = schedule.alpha_bar(50);
    const at::Tensor v = schedule.target(Prediction::v, x0, noise, t);
    EXPECT_TRUE(at::allclose(v[0], std::sqrt(bar) * noise[0] - std::sqrt(1 - bar) * x0[0], 1e-12, 1e-12));
    EXPECT_EQ(schedule.add_noise(x0.to(at::kFloat), noise.to(at::kFloat), t).scalar_type(), at::kFloat);
    EXPECT_EQ(
        schedule.add_noise(at::zeros({0, 1, 2, 2, 2}), at::zeros({0, 1, 2, 2, 2}), at::zeros({0}, at::kLong)).size(0),
        0);
    EXPECT_THROW(schedule.add_noise(x0, noise, t.narrow(0, 0, 2)), core::InternalError);
}

TEST(Timesteps, AreThePublishedLists) {
    EXPECT_THAT(uniform_timesteps(10), ElementsAre(0, 99, 199, 299, 399, 499, 599, 699, 799, 899, 999));
    EXPECT_THAT(non_uniform_timesteps(10), ElementsAre(0, 199, 399, 599, 699, 799, 849, 899, 949, 999));
    EXPECT_THAT(non_uniform_timesteps(20), ElementsAre(0, 88, 175, 263, 350, 437, 525, 612, 699, 727, 754, 781, 809,
                                                       836, 863, 890, 918, 945, 972, 999));
    for (const int64_t steps : {1, 2, 7, 100, 999, 1000}) {
        const auto list = uniform_timesteps(steps);
        EXPECT_EQ(list.back(), 999);
        EXPECT_TRUE(std::ranges::is_sorted(list));
        EXPECT_EQ(std::ranges::adjacent_find(list), list.end()) << steps << ": each once";
    }
}

TEST(Timesteps, OfDdimAreMonaisAndHoldBothEnds) {
    const auto golden = test::golden_json("noise_schedule");
    for (const auto& [steps, list] : golden["ddim"].items())
        EXPECT_EQ(spaced_timesteps(std::stoll(steps)), list.get<std::vector<int64_t>>()) << steps;
    EXPECT_EQ(spaced_timesteps(50).back(), 999);
    EXPECT_EQ(spaced_timesteps(50).front(), 0);
    EXPECT_THAT(spaced_timesteps(1), ElementsAre(999));
    for (const int64_t steps : {0, 1001}) EXPECT_THROW(spaced_timesteps(steps), core::ConfigError);
}

}  // namespace
}  // namespace vox::ops
