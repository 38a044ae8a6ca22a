#include "tasks/synthesis.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>

#include "comm/local_communicator.hpp"
#include "core/error.hpp"
#include "ops/random_scope.hpp"
#include "support/golden.hpp"
#include "support/temporary_folder.hpp"
#include "tasks/make_task.hpp"
#include "tasks/phantom_dataset.hpp"
#include "tasks/refusal.hpp"

namespace vox::tasks {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr int64_t kTarget = 3;

/// A network that a test writes down: of input [n,C,d,h,w] and t.
class Written final : public nn::DenoisingModel {
public:
    using Formula = std::function<at::Tensor(const at::Tensor& input, int64_t t)>;
    explicit Written(Formula formula) : formula_(std::move(formula)) { register_parameter("weight", at::zeros({1})); }
    at::Tensor forward(const at::Tensor& volume, const at::Tensor& timesteps) override {
        largest = std::max(largest, volume.size(2));
        return formula_(volume, timesteps[0].item<int64_t>());
    }
    int64_t size_divisor() const override { return 4; }
    int64_t largest = 0;  // windows were as large as this along D

private:
    Formula formula_;
};

/// Four channels of smooth values within -1 .. 1 on an odd grid.
struct Case {
    Case() {
        info.id = "case";
        info.shape = {4, 21, 18, 15};
        info.statistics.assign(4, {.p01 = 10, .p99 = 100, .voxels = 5});
        sample = {&info, test::uniform({4, 21, 18, 15}, 970).to(at::kFloat) * 1.6 - 0.8, {}};
    }
    data::CaseInfo info;
    data::Sample sample;
};

SynthesisFacts facts(int64_t target = -1) {
    return {{"t1", "t1ce", "t2", "flair"}, target, {{0, 100}, {10, 90}, {0, 400}, {100, 300}}, {}};
}

SynthesisPredictor predictor(Written::Formula formula, infer::DiffusionOptions diffusion = {}, int64_t window = 32,
                             SynthesisFacts about = facts(), SynthesisOptions options = {}, uint64_t seed = 3) {
    infer::SlidingWindowOptions windows;
    windows.window = {window, window, window};
    return {
        std::make_shared<Written>(std::move(formula)), std::move(about), std::move(diffusion), windows, options, seed};
}

/// What a network that knows the answer says: the target is `answer` of the conditions.
Written::Formula knows(const infer::DiffusionOptions& diffusion, std::function<at::Tensor(const at::Tensor&)> answer) {
    return [=, schedule = ops::NoiseSchedule(diffusion.schedule)](const at::Tensor& input, int64_t t) {
        const auto x0 = answer(input);
        const double a = schedule.alpha_bar(t);
        const auto noise = (input.narrow(1, kTarget, 1) - std::sqrt(a) * x0) / std::sqrt(1 - a);
        if (diffusion.prediction == "sample") return x0;
        return diffusion.prediction == "epsilon" ? noise : std::sqrt(a) * noise - std::sqrt(1 - a) * x0;
    };
}

at::Tensor mean_of_two(const at::Tensor& input) { return (input.narrow(1, 0, 1) + input.narrow(1, 2, 1)) / 2; }

TEST(SynthesisPredictor, PerfectNetworksGiveTheAnswerWhateverTheyPredictAndHoweverWindowsLie) {
    const Case one;
    const auto expected = (one.sample.image[0] + one.sample.image[2]) / 2;
    for (const char* prediction : {"epsilon", "v", "sample"}) {
        for (const char* sampler : {"ddim", "ddpm"}) {
            for (const int64_t window : {32, 8}) {
                infer::DiffusionOptions diffusion;
                diffusion.prediction = prediction;
                diffusion.sampler = sampler;
                auto generator = predictor(knows(diffusion, mean_of_two), diffusion, window);
                const auto generated = generator.generate(one.sample, kTarget);
                EXPECT_EQ(generated.mean.sizes(), expected.sizes());
                EXPECT_LT((generated.mean - expected).abs().max().item<float>(), 2e-3)
                    << prediction << sampler << window;
                EXPECT_FALSE(generated.standard_deviation.defined());
            }
        }
    }
}

TEST(SynthesisPredictor, WindowsAreNoLargerThanAskedAndEachStepIsOfTheWhole) {
    Case one;
    one.info.shape = {4, 24, 20, 16};  // nothing is padded
    one.sample.image = test::uniform({4, 24, 20, 16}, 971).to(at::kFloat);
    // What it foresees is the mean of what it sees: windows see different parts, so that blending shows.
    const auto formula = [](const at::Tensor& input, int64_t) {
        return input.narrow(1, 0, 1)
            .mean({2, 3, 4}, /*keepdim=*/true)
            .expand({input.size(0), 1, input.size(2), input.size(3), input.size(4)});
    };
    infer::DiffusionOptions diffusion;
    diffusion.prediction = "sample";
    const auto network = std::make_shared<Written>(formula);
    infer::SlidingWindowOptions windows;
    windows.window = {8, 8, 8};
    SynthesisPredictor small(network, facts(), diffusion, windows, {}, 3);
    const auto blended = small.generate(one.sample, kTarget).mean;
    EXPECT_EQ(network->largest, 8);
    const auto steps = (blended.narrow(0, 1, 23) - blended.narrow(0, 0, 23)).abs();
    EXPECT_GT(blended.std().item<float>(), 1e-3);
    EXPECT_LT(steps.max().item<float>(), 0.6 * (blended.max() - blended.min()).item<float>())
        << "no seam is left between windows";
    auto whole = predictor(formula, diffusion, 64);
    EXPECT_LT(whole.generate(one.sample, kTarget).mean.std().item<float>(), 1e-6);
}

TEST(SynthesisPredictor, NoiseBelongsToSeedCaseAndSample) {
    Case one;
    // A network that returns 0 as noise: what is generated is the scaled noise field itself.
    const auto formula = [](const at::Tensor& input, int64_t) { return at::zeros_like(input.narrow(1, 0, 1)); };
    infer::DiffusionOptions diffusion;
    diffusion.clip_x0 = false;
    const auto field = [&](int64_t window, uint64_t seed, int64_t samples) {
        return predictor(formula, diffusion, window, facts(), {.samples = samples}, seed).generate(one.sample, kTarget);
    };
    const auto first = field(64, 3, 1).mean;
    EXPECT_TRUE(first.equal(field(64, 3, 1).mean));
    EXPECT_TRUE(first.allclose(field(8, 3, 1).mean, 1e-4, 1e-4)) << "one field, however it is cut";
    EXPECT_FALSE(first.allclose(field(64, 4, 1).mean));
    const auto three = field(64, 3, 3);
    EXPECT_TRUE(three.first.equal(first));
    EXPECT_FALSE(three.mean.equal(first));
    EXPECT_GT(three.standard_deviation.mean().item<float>(), 0.1);
    one.info.id = "other";
    EXPECT_FALSE(first.allclose(field(64, 3, 1).mean));
}

TEST(SynthesisPredictor, MeanAndStandardDeviationAreThoseOfItsSamples) {
    const Case one;
    // Each sample ends at a noise of its own around the condition.
    infer::DiffusionOptions diffusion;
    diffusion.prediction = "sample";
    const auto formula = [](const at::Tensor& input, int64_t) { return 0.3 * input.narrow(1, kTarget, 1).tanh(); };
    const auto all = predictor(formula, diffusion, 64, facts(), {.samples = 3}).generate(one.sample, kTarget);
    const auto two = predictor(formula, diffusion, 64, facts(), {.samples = 2}).generate(one.sample, kTarget);
    const auto a = two.first, b = 2 * two.mean - two.first, c = 3 * all.mean - 2 * two.mean;
    const auto expected = at::stack({a, b, c}).std(0, /*unbiased=*/true);
    EXPECT_LT((all.standard_deviation - expected).abs().max().item<float>(), 1e-5);
}

TEST(SynthesisPredictor, GuidanceGoesBeyondWhatTheNetworkSaysWithoutConditions) {
    const Case one;
    infer::DiffusionOptions diffusion;
    diffusion.prediction = "sample";
    diffusion.condition_dropout = 0.1;
    // 0.5 of the first channel with conditions, 0 without.
    const auto formula = [](const at::Tensor& input, int64_t) { return 0.5 * input.narrow(1, 0, 1); };
    for (const double guidance : {0.0, 1.0, 1.5}) {
        diffusion.guidance = guidance;
        const auto generated = predictor(formula, diffusion).generate(one.sample, kTarget).mean;
        EXPECT_LT((generated - guidance * 0.5 * one.sample.image[0]).abs().max().item<float>(), 1e-5) << guidance;
    }
}

TEST(SynthesisPredictor, EveryKeyOfSamplingChangesWhatIsGenerated) {
    const Case one;
    // No perfect network: what it says of the noise is half of what it sees.
    const auto formula = [](const at::Tensor& input, int64_t) { return 0.5 * input.narrow(1, kTarget, 1); };
    const auto generated = [&](auto change) {
        infer::DiffusionOptions diffusion;
        change(diffusion);
        return predictor(formula, diffusion).generate(one.sample, kTarget).mean;
    };
    const auto usual = generated([](auto&) {});
    using Options = infer::DiffusionOptions;
    EXPECT_FALSE(usual.allclose(generated([](Options& o) { o.sampler = "ddpm"; })));
    EXPECT_FALSE(usual.allclose(generated([](Options& o) { o.eta = 0.5; })));
    EXPECT_FALSE(usual.allclose(generated([](Options& o) { o.clip_x0 = false; })));
    EXPECT_FALSE(usual.allclose(generated([](Options& o) { o.steps = 5; })));
    EXPECT_FALSE(usual.allclose(generated([](Options& o) { o.list = "non_uniform"; })));
}

TEST(SynthesisPredictor, TheHiddenTruthIsNotLookedAt) {
    Case one;
    infer::DiffusionOptions diffusion;
    diffusion.prediction = "sample";
    const auto formula = [](const at::Tensor& input, int64_t) { return input.mean(1, /*keepdim=*/true); };
    auto generator = predictor(formula, diffusion);
    const auto before = generator.generate(one.sample, kTarget).mean;
    one.sample.image[kTarget].fill_(0.7);
    EXPECT_TRUE(generator.generate(one.sample, kTarget).mean.equal(before));
    one.info.statistics[kTarget] = {};  // not there at all
    EXPECT_TRUE(generator.generate(one.sample, kTarget).mean.equal(before));
    one.info.statistics[1] = {};  // another one missing: it is no condition, whatever its voxels hold
    const auto without = generator.generate(one.sample, kTarget).mean;
    EXPECT_FALSE(without.equal(before));
    one.sample.image[1].fill_(0.7);
    EXPECT_TRUE(generator.generate(one.sample, kTarget).mean.equal(without));
    one.info.statistics[0] = one.info.statistics[2] = {};
    EXPECT_THROW(generator.generate(one.sample, kTarget), core::DataError);
}

TEST(SynthesisPredictor, IntensitiesAreTheTrainingMediansAndZeroOutsideOfTheHead) {
    Case one;
    // p01 10, p99 100: what was 0 is clipped to -1 in every channel there.
    one.sample.image.narrow(1, 0, 3).fill_(-1);
    infer::DiffusionOptions diffusion;
    diffusion.prediction = "sample";
    const auto formula = [](const at::Tensor& input, int64_t) { return at::zeros_like(input.narrow(1, 0, 1)) + 0.5; };
    auto generator = predictor(formula, diffusion, 32, facts(kTarget), {.target = "flair", .samples = 2});
    const auto prediction = generator.predict(one.sample);
    ASSERT_EQ(prediction.volumes.size(), 2U);
    EXPECT_EQ(prediction.volumes[0].name, "flair_generated");
    EXPECT_EQ(prediction.volumes[1].name, "flair_sd");
    EXPECT_EQ(prediction.volumes[0].values.narrow(0, 0, 3).abs().max().item<float>(), 0.0F);
    EXPECT_NEAR(prediction.volumes[0].values[10][5][5].item<float>(), 250, 1e-3);  // 100 .. 300 at 0.5 of -1 .. 1
    EXPECT_EQ(prediction.volumes[1].values.max().item<float>(), 0.0F);
    EXPECT_FALSE(prediction.label_map.defined());
}

TEST(SynthesisPredictor, ChannelIsTheFixedOneOrTheAskedOneOrTheOneThatIsMissing) {
    Case one;
    const auto formula = [](const at::Tensor& input, int64_t) { return at::zeros_like(input.narrow(1, 0, 1)); };
    auto any = predictor(formula);
    try {
        any.channel_of(one.info);
        FAIL();
    } catch (const core::DataError& error) {
        EXPECT_THAT(error.what(), HasSubstr("--target"));
    }
    one.info.statistics[2] = {};
    EXPECT_EQ(any.channel_of(one.info), 2);
    one.info.statistics[1] = {};
    EXPECT_THROW(any.channel_of(one.info), core::DataError);
    any.ask("t1ce");
    EXPECT_EQ(any.channel_of(one.info), 1);
    EXPECT_THROW(any.ask("t3"), core::ConfigError);
    auto fixed = predictor(formula, {}, 32, facts(0));
    EXPECT_EQ(fixed.channel_of(one.info), 0);
    EXPECT_THROW(fixed.ask("t2"), core::ConfigError);
}

TEST(SynthesisFacts, GoThroughACheckpointsTexts) {
    auto before = facts(2);
    before.windows[1] = {0.1, 1.0 / 3};
    const auto after = SynthesisFacts::from_texts(before.to_texts());
    EXPECT_EQ(after.channels, before.channels);
    EXPECT_EQ(after.target, 2);
    EXPECT_EQ(after.windows[1].low, 0.1);
    EXPECT_EQ(after.windows[1].high, 1.0 / 3);
    EXPECT_EQ(SynthesisFacts::from_texts(facts().to_texts()).target, -1);
    EXPECT_THROW(SynthesisFacts::from_texts({}), core::DataError);
}

TEST(SynthesisFacts, TargetsAreDrawnAmongWhatACaseHas) {
    std::map<int64_t, int> counts;
    for (uint32_t position = 0; position < 900; ++position)
        ++counts[draw_target({.seed = 1, .position = position}, {0, 2, 3}, -1)];
    EXPECT_EQ(counts.size(), 3U);
    for (const auto& [channel, count] : counts) EXPECT_NEAR(count, 300, 60) << channel;
    EXPECT_EQ(draw_target({}, {0, 2, 3}, 2), 2);
    EXPECT_EQ(draw_target({}, {0, 2, 3}, 1), -1);
    EXPECT_EQ(draw_target({}, {2}, 2), -1);  // nothing to generate it from
    EXPECT_EQ(judged_channel(0, {0, 2, 3}, -1), 0);
    EXPECT_EQ(judged_channel(4, {0, 2, 3}, -1), 2);
    EXPECT_EQ(judged_channel(4, {0, 2, 3}, 1), -1);
}

TaskConfig small_config() {
    TaskConfig config;
    config.task = "synthesis";
    config.data.crop_size = {16, 16, 16};
    config.data.threads = 1;
    config.data.normalisation = "percentile";
    config.data.intensity_scale = config.data.intensity_shift = 0;
    config.model = nn::ModelOptions::of("fast_ddpm_3d");
    config.model.base_channels = 8;
    config.model.channel_multipliers = {1, 2};
    config.model.num_res_blocks = 1;
    config.model.norm_groups = 4;
    config.model.dropout_prob = 0;
    config.infer.window = {32, 32, 32};
    return config;
}

TEST(Synthesis, MediansAreThoseOfTheTrainingCases) {
    const test::TemporaryFolder folder;
    const auto world = comm::make_local_world();
    const auto shards = test::phantom_shards(*world, folder.path(), 3);
    const data::ShardReader reader(shards);
    const auto about = synthesis_facts(reader, "random");
    for (size_t c = 0; c < 4; ++c) {
        std::vector<double> low;
        for (const auto& info : reader.cases()) low.push_back(info.statistics[c].p01);
        std::ranges::sort(low);
        EXPECT_EQ(about.windows[c].low, low[1]);
    }
    EXPECT_EQ(synthesis_facts(reader, "t2").target, 2);
    EXPECT_THROW(synthesis_facts(reader, "t3"), core::ConfigError);
}

TEST(Synthesis, LossIsTheMeanSquaredErrorOfTheChosenPrediction) {
    const test::TemporaryFolder folder;
    const auto world = comm::make_local_world();
    comm::LocalCommunicator comm{at::kCPU};
    const auto shards = test::phantom_shards(*world, folder.path(), 2);
    for (const char* prediction : {"epsilon", "sample", "v"}) {
        auto config = small_config();
        config.diffusion.prediction = prediction;
        config.synthesis.target = "t2";
        Synthesis task(config, {shards, 2, at::kDouble}, comm);
        {
            const at::NoGradGuard no_grad;  // a network that says 0: the loss is the mean square of its target
            for (auto& parameter : task.model().parameters()) parameter.zero_();
        }
        const auto batch = task.train_data().next(1)[0];
        const ops::RandomScope random(batch.keys);
        ASSERT_THAT(task.weights(batch), ElementsAre(2.0));
        const double loss = task.loss_sums(batch)[0].item<double>() / 2;
        const auto x0 = batch.image.narrow(1, 2, 1);
        const double square = (x0 * x0).mean().item<double>();
        const double low = std::min(1.0, square), high = std::max(1.0, square);
        const std::map<std::string, std::pair<double, double>> bounds{
            {"epsilon", {0.95, 1.05}}, {"sample", {square - 1e-9, square + 1e-9}}, {"v", {low - 0.1, high + 0.1}}};
        EXPECT_GE(loss, bounds.at(prediction).first) << prediction;
        EXPECT_LE(loss, bounds.at(prediction).second) << prediction;
    }
}

TEST(Synthesis, EveryKeyOfTheNoiseChangesTheLoss) {
    const test::TemporaryFolder folder;
    const auto world = comm::make_local_world();
    comm::LocalCommunicator comm{at::kCPU};
    const auto shards = test::phantom_shards(*world, folder.path(), 4);
    const auto loss = [&](auto change) {
        auto config = small_config();
        change(config);
        Synthesis task(config, {shards, 4, at::kDouble}, comm);
        const auto batch = task.train_data().next(1)[0];
        const ops::RandomScope random(batch.keys);
        return task.loss_sums(batch)[0].item<double>();
    };
    const double usual = loss([](TaskConfig&) {});
    EXPECT_EQ(usual, loss([](TaskConfig&) {}));
    EXPECT_NE(usual, loss([](TaskConfig& c) { c.diffusion.antithetic = false; }));
    EXPECT_NE(usual, loss([](TaskConfig& c) { c.diffusion.condition_dropout = 0.9; }));
    EXPECT_NE(usual, loss([](TaskConfig& c) { c.diffusion.train_all_timesteps = true; }));
    EXPECT_NE(usual, loss([](TaskConfig& c) { c.synthesis.target = "flair"; }));
}

TEST(Synthesis, ItemsWithoutTheTargetCountNothing) {
    const test::TemporaryFolder folder;
    const auto world = comm::make_local_world();
    comm::LocalCommunicator comm{at::kCPU};
    const auto shards = test::phantom_shards(*world, folder.path(), 4, false, {"t1ce"});  // of the second case
    auto config = small_config();
    config.synthesis.target = "t1ce";
    Synthesis fixed(config, {shards, 4, at::kDouble}, comm);
    const auto batch = fixed.train_data().next(1)[0];
    ASSERT_EQ(batch.size(), 4);
    EXPECT_THAT(fixed.weights(batch), ElementsAre(3.0));
    const ops::RandomScope random(batch.keys);
    EXPECT_GT(fixed.loss_sums(batch)[0].item<double>(), 0);
    config.synthesis.target = "random";
    Synthesis any(config, {shards, 4, at::kDouble}, comm);
    EXPECT_THAT(any.weights(any.train_data().next(1)[0]), ElementsAre(4.0));
}

TEST(Synthesis, WrongNetworksAndIntensitiesAreRefusedByName) {
    const auto refusal = test::refusal_of_configuration;
    EXPECT_EQ(refusal("task: synthesis"), "");
    EXPECT_THAT(refusal("{task: synthesis, model: {name: segresnet}}"), HasSubstr("fast_ddpm_3d"));
    EXPECT_THAT(refusal("model: {name: fast_ddpm_3d}"), HasSubstr("task: synthesis"));
    EXPECT_THAT(refusal("{task: synthesis, data: {normalisation: zscore}}"), HasSubstr("percentile"));
    EXPECT_THAT(refusal("{task: synthesis, loss: {smooth_nr: 0.5}}"), HasSubstr("loss.smooth_nr has no effect"));
    EXPECT_THAT(refusal("{task: synthesis, infer: {connectivity: 6}}"), HasSubstr("infer.connectivity has no effect"));
    EXPECT_THAT(refusal("diffusion: {eta: 0.5}"), HasSubstr("diffusion.eta has no effect"));
    EXPECT_THAT(refusal("synthesis: {samples: 4}"), HasSubstr("synthesis.samples has no effect"));
}

}  // namespace
}  // namespace vox::tasks
