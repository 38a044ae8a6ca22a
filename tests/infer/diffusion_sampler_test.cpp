#include "infer/diffusion_sampler.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/full.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.hpp"
#include "support/golden.hpp"

namespace vox::infer {
namespace {

using ops::Prediction;

const ops::NoiseSchedule& linear() {
    static const ops::NoiseSchedule schedule;
    return schedule;
}

at::Tensor no_noise(int64_t t) {
    ADD_FAILURE() << "noise was asked for at timestep " << t;
    return {};
}

TEST(DiffusionSampler, SingleStepsEqualMonais) {
    const auto golden = test::golden_json("diffusion_step");
    const auto size = golden["size"].get<std::vector<int64_t>>();
    test::GoldenArrays arrays("diffusion_step");
    const auto values = [&](uint32_t layer) { return test::uniform(size, layer) * 4 - 2; };
    const at::Tensor x = values(950), prediction = values(951), noise = values(952);
    for (const auto& one : golden["cases"]) {
        SamplerOptions options;
        options.name = one["sampler"];
        options.prediction = ops::prediction_from(one["prediction"]);
        options.clip_x0 = one["clip"];
        options.eta = one["eta"];
        const DiffusionSampler sampler(linear(), options, {0, 999});
        const at::Tensor made = sampler.step(prediction, x, one["t"], one["previous"], [&](int64_t) { return noise; });
        // MONAI's betas are float32, and an error of a prediction of noise is magnified 157 times at the noisy end.
        EXPECT_TRUE(at::allclose(made, arrays.next(size), 1e-4, 1e-5)) << one.dump();
    }
    EXPECT_TRUE(arrays.at_end());
}

/// Ending at the volume alone would prove nothing: whatever x is, the last step returns what is foreseen.
TEST(DiffusionSampler, APerfectPredictorStaysOnItsPathAfterEveryStep) {
    const at::Tensor x0 = test::uniform({2, 1, 4, 4, 4}, 1) * 2 - 1, noise = test::uniform({2, 1, 4, 4, 4}, 2) * 4 - 2;
    for (const auto& list : {ops::uniform_timesteps(10), ops::non_uniform_timesteps(10), ops::spaced_timesteps(50)}) {
        for (const auto kind : {Prediction::epsilon, Prediction::sample, Prediction::v}) {
            SamplerOptions options;
            options.prediction = kind;
            const DiffusionSampler sampler(linear(), options, list);
            const auto at_timestep = [&](int64_t t) {
                const double bar = linear().alpha_bar(t);
                return std::sqrt(bar) * x0 + std::sqrt(1 - bar) * noise;
            };
            size_t evaluations = 0, steps = 0;
            const auto network = [&](const at::Tensor& x, int64_t t) {
                ++evaluations;
                return linear().target(kind, x0, noise, at::full({x.size(0)}, t, at::kLong));
            };
            const auto made =
                sampler.sample(at_timestep(list.back()), network, no_noise, [&](const at::Tensor& x, int64_t t) {
                    ++steps;
                    EXPECT_TRUE(at::allclose(x, at_timestep(t), 1e-9, 1e-9)) << "at " << t;
                });
            EXPECT_TRUE(at::allclose(made, x0, 1e-9, 1e-9));
            EXPECT_EQ(evaluations, list.size());
            EXPECT_EQ(steps, list.size());
        }
    }
}

/// Data that are normal with mean m and deviation s have a known best network, which is affine: so is every step, and the end.
struct Gaussian {
    double mean = 0.3, deviation = 0.5;

    at::Tensor noise_in(const at::Tensor& x, int64_t t) const {
        const double bar = linear().alpha_bar(t);
        return std::sqrt(1 - bar) * (x - std::sqrt(bar) * mean) / (bar * deviation * deviation + 1 - bar);
    }
};

TEST(DiffusionSampler, OfGaussianDataDdimIsTheClosedRecursionAndHasTheDatasSpread) {
    const Gaussian data;
    SamplerOptions options;
    options.clip_x0 = false;
    for (const auto& list : {ops::uniform_timesteps(10), ops::non_uniform_timesteps(10), ops::spaced_timesteps(1000)}) {
        const DiffusionSampler sampler(linear(), options, list);
        const at::Tensor x = test::uniform({64}, 3) * 6 - 3;
        const auto made =
            sampler.sample(x, [&](const at::Tensor& at, int64_t t) { return data.noise_in(at, t); }, no_noise);
        // x = sqrt(a) m + u: each step scales u, from (s^2 a + 1 - a) of one timestep towards that of the one before.
        double scale = 1;
        for (size_t i = list.size(); i-- > 0;) {
            const double a = linear().alpha_bar(list[i]), b = linear().alpha_bar(i > 0 ? list[i - 1] : -1);
            const double variance = data.deviation * data.deviation;
            scale *= (std::sqrt(b * a) * variance + std::sqrt((1 - b) * (1 - a))) / (a * variance + 1 - a);
        }
        const double start = linear().alpha_bar(list.back());
        const at::Tensor expected = data.mean + scale * (x - std::sqrt(start) * data.mean);
        EXPECT_TRUE(at::allclose(made, expected, 1e-9, 1e-9)) << list.size();
        // Noise at the last timestep has variance a s^2 + 1 - a; what comes of it must have the data's.
        const double spread = scale * std::sqrt(start * data.deviation * data.deviation + 1 - start);
        if (list.size() == 1000) {
            EXPECT_NEAR(spread / data.deviation, 1, 0.02);
        }
    }
}

TEST(DiffusionSampler, OfGaussianDataDdpmHasTheDatasMeanAndSpread) {
    const Gaussian data;
    SamplerOptions options;
    options.name = "ddpm";
    options.clip_x0 = false;
    const auto list = ops::spaced_timesteps(1000);
    const DiffusionSampler sampler(linear(), options, list);
    // Numbers +1 and -1 in turn carry mean and variance exactly: what is affine in them needs no large sample.
    double variance = 1, mean = 0;
    for (size_t i = list.size(); i-- > 0;) {
        const int64_t t = list[i], previous = i > 0 ? list[i - 1] : -1;
        const auto step = [&](double x, double noise) {
            const at::Tensor value = at::full({1}, x, at::kDouble);
            return sampler
                .step(data.noise_in(value, t), value, t, previous,
                      [&](int64_t) { return at::full({1}, noise, at::kDouble); })
                .item<double>();
        };
        const double slope = step(1, 0) - step(0, 0), spread = step(0, 1) - step(0, 0);
        mean = step(mean, 0);
        variance = slope * slope * variance + spread * spread;
    }
    EXPECT_NEAR(mean, data.mean, 0.02 * data.mean);
    EXPECT_NEAR(variance / (data.deviation * data.deviation), 1, 0.02);
}

TEST(DiffusionSampler, RefusesWhatIsNoSampler) {
    const auto make = [](const SamplerOptions& options, std::vector<int64_t> list) {
        return DiffusionSampler(linear(), options, std::move(list));
    };
    SamplerOptions options;
    EXPECT_THROW(make(options, {}), core::ConfigError);
    EXPECT_THROW(make(options, {0, 1000}), core::ConfigError);
    EXPECT_THROW(make(options, {0, 5, 5}), core::ConfigError);
    EXPECT_THROW(make(options, {-1, 5}), core::ConfigError);
    options.eta = 1.5;
    EXPECT_THROW(make(options, {0, 5}), core::ConfigError);
    options = {};
    options.name = "euler";
    EXPECT_THROW(make(options, {0, 5}), core::ConfigError);
}

}  // namespace
}  // namespace vox::infer
