#include "infer/diffusion_options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "support/read_options.hpp"

namespace vox::infer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

TEST(DiffusionOptions, DefaultsAreFastDdpms) {
    const DiffusionOptions options;
    EXPECT_THAT(options.sampled_timesteps(), ElementsAre(0, 99, 199, 299, 399, 499, 599, 699, 799, 899, 999));
    EXPECT_EQ(options.trained_timesteps(), options.sampled_timesteps());
    EXPECT_TRUE(options.sampler_options().clip_x0);
    EXPECT_EQ(options.sampler_options().prediction, ops::Prediction::epsilon);
}

TEST(DiffusionOptions, ListsAreByNameAndTrainingMayTakeAll) {
    const auto uneven = test::read_options<DiffusionOptions>("list: non_uniform");
    EXPECT_THAT(uneven.sampled_timesteps(), ElementsAre(0, 199, 399, 599, 699, 799, 849, 899, 949, 999));
    const auto spaced =
        test::read_options<DiffusionOptions>("{list: spaced, steps: 50, train_all_timesteps: true, schedule: cosine}");
    EXPECT_THAT(spaced.sampled_timesteps(), SizeIs(50));
    EXPECT_EQ(spaced.sampled_timesteps().back(), 999);
    EXPECT_THAT(spaced.trained_timesteps(), SizeIs(1000));
    EXPECT_EQ(spaced.trained_timesteps()[17], 17);
    EXPECT_EQ(spaced.schedule.betas, "cosine");
}

TEST(DiffusionOptions, EveryKeyOfTheScheduleChangesIt) {
    const auto last = [](const std::string& yaml) {
        const auto options = test::read_options<DiffusionOptions>(yaml);
        const ops::NoiseSchedule schedule(options.schedule);
        return schedule.alpha_bar(schedule.timesteps() - 1);
    };
    const double usual = last("{}"), cosine = last("schedule: cosine");
    EXPECT_NEAR(usual, 4.0e-5, 1e-6);  // the published value
    EXPECT_NEAR(cosine, 2.43e-9, 1e-11);
    EXPECT_NEAR(last("{schedule: cosine, beta_low: 0.0001, beta_high: 0.9999}"), 2.43e-10, 1e-12);
    EXPECT_GT(last("timesteps: 500"), 10 * usual);
    EXPECT_LT(last("beta_end: 0.03"), usual / 10);
    EXPECT_LT(last("beta_start: 0.001"), usual);
    EXPECT_GT(last("{schedule: cosine, beta_high: 0.9}"), 10 * cosine);
    EXPECT_NE(last("{schedule: cosine, beta_low: 0.0001}"), cosine);
}

std::string refusal(const std::string& yaml) {
    try {
        test::read_options<DiffusionOptions>(yaml);
    } catch (const core::ConfigError& error) {
        return error.what();
    }
    return "";
}

TEST(DiffusionOptions, WhatCannotWorkIsRefusedByName) {
    EXPECT_THAT(refusal("prediction: noise"), HasSubstr("prediction"));
    EXPECT_THAT(refusal("{sampler: ddpm, eta: 0.5}"), HasSubstr("eta is of sampler: ddim"));
    EXPECT_THAT(refusal("eta: 1.5"), HasSubstr("eta"));
    EXPECT_THAT(refusal("guidance: 3"), HasSubstr("condition_dropout"));
    EXPECT_EQ(refusal("{guidance: 3, condition_dropout: 0.1}"), "");
    EXPECT_THAT(refusal("condition_dropout: 1"), HasSubstr("condition_dropout"));
    EXPECT_THAT(refusal("steps: 0"), HasSubstr("steps"));
    EXPECT_THAT(refusal("beta_end: 1.5"), HasSubstr("beta"));
    EXPECT_THAT(refusal("timesteps: 0"), HasSubstr("timesteps"));
}

}  // namespace
}  // namespace vox::infer
