#include "tasks/xray_to_ct.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "comm/local_communicator.hpp"
#include "comm/world.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "loss/diffusion.hpp"
#include "ops/random_scope.hpp"
#include "support/golden.hpp"
#include "support/temporary_folder.hpp"
#include "tasks/make_task.hpp"
#include "tasks/phantom_dataset.hpp"
#include "tasks/refusal.hpp"
#include "tasks/xray_to_ct_figures.hpp"
#include "tasks/xray_views.hpp"

namespace vox::tasks {
namespace {

using testing::HasSubstr;

constexpr double kHuRange = 2000;

/// One or two stages of 8^3 and 16^3 voxels.
TaskConfig config_of(const std::string& objective, int64_t stage = 1) {
    TaskConfig config;
    config.task = "xray_to_ct";
    config.model = nn::ModelOptions::of("xray_to_ct");
    auto& options = config.xray_to_ct;
    options.objective = objective;
    options.stage = stage;
    options.network.num_stages = 2;
    options.network.stages[0] = {{8, 8, 8}, 2, 16, 1, 2};
    options.network.stages[1] = {{16, 16, 16}, 4, 16, 1, 2};
    options.network.xray = {32, 2, "group", 8};
    options.network.dropout_prob = 0;
    config.data.resize = options.network.stages[options.index()].volume_size;
    config.data.crop_size.clear();
    config.data.batch_size = 2;
    config.data.foreground_ratio = config.data.flip_probability = 0;
    config.data.intensity_scale = config.data.intensity_shift = 0;
    config.data.normalisation = "window";
    config.data.window = {-1000, 1000};
    config.data.threads = 1;
    config.diffusion.schedule.betas = "cosine";
    config.diffusion.prediction = "v";
    config.diffusion.train_all_timesteps = true;
    config.diffusion.list = "spaced";
    config.diffusion.steps = 4;
    return config;
}

/// Three bodies, one of them for validation; made once.
const std::filesystem::path& shards() {
    static const test::TemporaryFolder folder;
    static const auto world = comm::make_local_world();
    static const auto made = test::body_shards(*world, folder.path(), 3, 1);
    return made;
}

struct Made {
    explicit Made(const TaskConfig& config)
        : comm(at::kCPU),
          task(make_task(config, {shards(), 2, at::kDouble}, comm)),
          model(dynamic_cast<nn::XrayCascade&>(task->model())) {}
    comm::LocalCommunicator comm;
    std::unique_ptr<train::Task> task;
    nn::XrayCascade& model;
};

/// The radiographs of a volume in HU by sums: [2,h,w] from the head down, from the right and from the front.
at::Tensor radiographs(const at::Tensor& hu, const core::Double3& spacing) {
    const at::Tensor mu = (0.02059 * (1 + hu / 1000)).clamp_min(0);
    return at::stack({(mu.sum(1) * spacing[1]).flip({0, 1}), (mu.sum(2) * spacing[2]).flip({0, 1})});
}

TEST(XrayToCt, LossesAreTheErrorOfWhatIsSaidAndOfItsRadiographs) {
    const at::NoGradGuard no_grad;
    for (const std::string objective : {"direct", "diffusion"}) {
        auto config = config_of(objective);
        config.xray_to_ct.physics_weight = 0.25;
        Made made(config);
        const auto terms = made.task->terms();
        ASSERT_EQ(terms.size(), 2U);
        EXPECT_EQ(terms[0].name, objective);
        EXPECT_EQ(terms[1].name, "physics");
        EXPECT_EQ(terms[1].coefficient, 0.25);
        const auto batch = made.task->train_data().next(1)[0];
        EXPECT_EQ(made.task->weights(batch), (std::vector<double>{2, 2}));
        const ops::RandomScope random(batch.keys);
        const auto sums = made.task->loss_sums(batch);

        const ops::NoiseSchedule schedule(config.diffusion.schedule);
        const at::Tensor x0 = batch.image, noise = loss::draw_noise(batch.keys, x0);
        const at::Tensor drawn = loss::draw_timesteps(batch.keys, config.diffusion.trained_timesteps(), true);
        const bool direct = objective == "direct";
        double expected = 0, physics = 0;
        for (int64_t b = 0; b < 2; ++b) {
            const at::Tensor t = direct ? at::zeros({1}, at::kLong) : drawn.slice(0, b, b + 1);
            const double a = schedule.alpha_bar(t[0].item<int64_t>());
            const at::Tensor x = x0.slice(0, b, b + 1), n = noise.slice(0, b, b + 1);
            const at::Tensor seen = direct ? at::zeros_like(x) : std::sqrt(a) * x + std::sqrt(1 - a) * n;
            const at::Tensor views = views_for_network(batch.views.slice(0, b, b + 1), loss::ViewUnit::attenuation, 32);
            const at::Tensor said = made.model.stage(0).forward(seen, t, views);
            const at::Tensor wanted = direct ? x : std::sqrt(a) * n - std::sqrt(1 - a) * x;
            expected += (said - wanted).square().mean().item<double>();
            const at::Tensor foreseen = direct ? said : std::sqrt(a) * seen - std::sqrt(1 - a) * said;
            const at::Tensor of_volume =
                radiographs((foreseen[0][0] + 1) * (kHuRange / 2) - 1000, batch.spacing_mm[static_cast<size_t>(b)]);
            // 48 pixels an axis, 8 voxels: means of 6 x 6.
            const at::Tensor given = batch.views[b].reshape({2, 8, 6, 8, 6}).mean(at::IntArrayRef({2, 4}));
            physics += (of_volume - given).square().mean().item<double>();
        }
        EXPECT_NEAR(sums[0].item<double>(), expected, 1e-9 * expected) << objective;
        EXPECT_NEAR(sums[1].item<double>(), physics, 1e-6 * physics) << objective;
    }
}

TEST(XrayToCt, WithoutPhysicsThereIsOneTerm) {
    auto config = config_of("direct");
    config.xray_to_ct.physics_weight = 0;
    Made made(config);
    EXPECT_EQ(made.task->terms().size(), 1U);
    const auto batch = made.task->train_data().next(1)[0];
    const ops::RandomScope random(batch.keys);
    EXPECT_EQ(made.task->loss_sums(batch).size(), 1U);
}

TEST(XrayToCt, OneViewSuffices) {
    auto config = config_of("diffusion");
    config.xray_to_ct.network.xray.num_views = 1;
    Made made(config);
    const auto batch = made.task->train_data().next(1)[0];
    const ops::RandomScope random(batch.keys);
    EXPECT_TRUE(std::isfinite(made.task->loss_sums(batch)[0].item<double>()));
    EXPECT_EQ(made.task->facts().at("views"), "ap");
}

TEST(XrayToCt, FactsComeBackAsTheyWere) {
    const Made made(config_of("diffusion"));
    const auto texts = made.task->facts();
    const auto facts = XrayToCtFacts::from_texts(texts);
    EXPECT_EQ(facts.to_texts(), texts);
    EXPECT_EQ(facts.extent_mm, (core::Double3{384, 384, 384}));  // as the phantoms are
    EXPECT_EQ(facts.objectives, (std::vector<std::string>{"diffusion"}));
    EXPECT_EQ(facts.to_hu(at::zeros({1})).item<float>(), 0);
    EXPECT_THROW(XrayToCtFacts::from_texts({}), core::DataError);
}

TEST(XrayToCt, ValidationComparesWithTheVolumeInHounsfieldUnits) {
    Made made(config_of("direct"));
    const auto cases = made.task->validation_cases();
    ASSERT_EQ(cases.size(), 1U);
    const auto figures = made.task->validate_case(cases[0], true);
    EXPECT_TRUE(figures.preview.has_value());

    const data::ShardReader reader(shards());
    const auto sample = data::load_case(reader, cases[0].index, {data::Normalisation::window, {-1000, 1000}},
                                        {{8, 8, 8}, data::ResizeMode::area});
    const at::NoGradGuard no_grad;
    made.model.eval();
    const at::Tensor views =
        views_for_network(sample.views.unsqueeze(0).to(at::kDouble), loss::ViewUnit::attenuation, 32);
    const at::Tensor made_volume =
        made.model.stage(0).forward(at::zeros({1, 1, 8, 8, 8}, at::kDouble), at::zeros({1}, at::kLong), views)[0].clamp(
            -1, 1);
    const at::Tensor difference = (made_volume - sample.image).to(at::kDouble);
    const double mse = (difference / 2).square().mean().item<double>();
    std::map<std::string, double> by_name(figures.figures.begin(), figures.figures.end());
    EXPECT_NEAR(by_name.at("psnr"), -10 * std::log10(mse), 1e-4);
    EXPECT_NEAR(by_name.at("mae_hu"), difference.abs().mean().item<double>() * kHuRange / 2, 1e-2);
    const auto hu = (made_volume[0] + 1) * (kHuRange / 2) - 1000;
    const at::Tensor given = sample.views.to(at::kDouble).reshape({2, 8, 6, 8, 6}).mean(at::IntArrayRef({2, 4}));
    EXPECT_NEAR(by_name.at("drr"), (radiographs(hu, {48, 48, 48}) - given).square().mean().item<double>(),
                1e-4 * by_name.at("drr"));
}

TEST(XrayToCt, NoiseBelongsToSeedCaseAndSample) {
    Made made(config_of("diffusion"));
    auto& predictor = dynamic_cast<XrayToCtPredictor&>(made.task->predictor());
    const at::Tensor views = test::uniform({2, 48, 48}, 985);
    const auto first = predictor.generate("a", views).mean;
    EXPECT_EQ(first.sizes(), (std::vector<int64_t>{8, 8, 8}));
    EXPECT_TRUE(first.equal(predictor.generate("a", views).mean));
    EXPECT_FALSE(first.equal(predictor.generate("b", views).mean));
    EXPECT_FALSE(first.equal(predictor.generate("a", views + 1).mean));
    predictor.set_samples(3);
    const auto three = predictor.generate("a", views);
    EXPECT_TRUE(three.first.equal(first));
    EXPECT_GT(three.standard_deviation.mean().item<float>(), 1e-3);
    auto config = config_of("diffusion");
    config.seed = 1;
    Made other(config);
    Made at_once(config_of("direct"));
    EXPECT_THROW(dynamic_cast<XrayToCtPredictor&>(at_once.task->predictor()).set_samples(2), core::ConfigError);
    auto& of_other = dynamic_cast<XrayToCtPredictor&>(other.task->predictor());
    EXPECT_FALSE(first.equal(of_other.generate("a", views).mean));
}

TEST(XrayToCt, VolumesComeBackOnTheGridOfTheCase) {
    Made made(config_of("direct"));
    const data::ShardReader reader(shards());
    const auto sample = data::load_case(reader, 0, {data::Normalisation::window, {-1000, 1000}});
    const auto prediction = made.task->predictor().predict(sample);
    ASSERT_EQ(prediction.volumes.size(), 1U);
    EXPECT_EQ(prediction.volumes[0].name, "ct_generated");
    EXPECT_EQ(prediction.volumes[0].values.sizes(), (std::vector<int64_t>{32, 32, 32}));
    EXPECT_LE(prediction.volumes[0].values.max().item<float>(), 1000);
    data::Sample without = sample;
    without.views = at::Tensor();
    EXPECT_THROW(made.task->predictor().predict(without), core::DataError);
}

TEST(XrayToCt, WhatCannotBeTrainedIsRefusedByName) {
    const auto refusal = [](const TaskConfig& config) {
        try {
            const Made made(config);
        } catch (const core::Error& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    EXPECT_THAT(refusal(config_of("direct", 2)), HasSubstr("xray_to_ct.previous_run is missing"));
    auto first = config_of("direct");
    first.xray_to_ct.previous_run = "runs/x";
    EXPECT_THAT(refusal(first), HasSubstr("stage 1 follows no other"));
    const auto read = test::refusal_of_configuration;
    EXPECT_EQ(read("task: xray_to_ct"), "");
    EXPECT_EQ(read("{task: xray_to_ct, xray_to_ct: {stage: 2}, data: {resize: [128, 128, 128]}}"), "");
    EXPECT_THAT(read("{task: xray_to_ct, data: {resize: [32, 32, 32]}}"), HasSubstr("leave data.resize out"));
    EXPECT_THAT(read("{task: xray_to_ct, xray_to_ct: {stage: 4}}"), HasSubstr("stage is 4"));
    EXPECT_THAT(read("{task: xray_to_ct, xray_to_ct: {objective: direct, samples: 2}}"), HasSubstr("samples"));
    EXPECT_THAT(read("{task: xray_to_ct, xray_to_ct: {previous_noise: 0.7}}"), HasSubstr("previous_noise is 0.7"));
    EXPECT_THAT(read("{task: xray_to_ct, data: {normalisation: zscore}}"), HasSubstr("window"));
    EXPECT_THAT(read("{task: xray_to_ct, infer: {window: [64, 64, 64]}}"), HasSubstr("infer.window has no effect"));
    EXPECT_THAT(read("{task: xray_to_ct, diffusion: {guidance: 2, condition_dropout: 0.1}}"),
                HasSubstr("has no effect with task 'xray_to_ct'"));
    EXPECT_THAT(read("xray_to_ct: {samples: 4}"), HasSubstr("xray_to_ct.samples has no effect"));
    EXPECT_THAT(read("model: {name: xray_to_ct}"), HasSubstr("task: xray_to_ct"));
}

TEST(XrayToCt, WordsOnNoiseAreRefusedWhereThereIsNone) {
    const auto read = [](const std::string& cascade, const std::string& diffusion) {
        return test::refusal_of_configuration(
            core::concat("{task: xray_to_ct, xray_to_ct: {", cascade, "}, diffusion: {", diffusion, "}}"));
    };
    const std::vector<std::string> all{
        "schedule: linear",  "timesteps: 500",      "beta_start: 0.001", "beta_end: 0.03", "beta_low: 0.0001",
        "beta_high: 0.9",    "prediction: epsilon", "list: uniform",     "steps: 20",      "train_all_timesteps: false",
        "antithetic: false", "sampler: ddpm",       "eta: 0.5",          "clip_x0: false"};
    for (const auto& one : all) {
        const std::string key = core::concat("diffusion.", one.substr(0, one.find(':')));
        EXPECT_EQ(read("objective: diffusion", one), "") << one;
        EXPECT_THAT(read("objective: direct", one),
                    HasSubstr(key + " has no effect with xray_to_ct.objective: direct: stage 1 makes"));
        const bool trains_only = key == "diffusion.train_all_timesteps" || key == "diffusion.antithetic";
        // The others may be the noise of the stage before, or of how that one is sampled.
        const auto second = read("stage: 2, objective: direct", one);
        if (trains_only)
            EXPECT_THAT(second, HasSubstr(key + " has no effect"));
        else
            EXPECT_EQ(second, "") << one;
    }
    EXPECT_THAT(read("objective: direct", "steps: 20"), HasSubstr("leave it out, or say objective: diffusion"));
    EXPECT_EQ(read("objective: direct", "steps: 50, schedule: cosine"), "");  // what they are anyway
}

TEST(XrayViews, AreChosenByKindAndBroughtToTheNetworksSizeAndRange) {
    const std::vector<ops::View> stored{ops::View::lateral, ops::View::ap}, wanted{ops::View::ap, ops::View::lateral};
    const at::Tensor views = test::uniform({1, 2, 4, 4}, 986);
    const auto chosen = choose_views(views, stored, wanted);
    EXPECT_TRUE(chosen.select(1, 0).equal(views.select(1, 1)));
    EXPECT_TRUE(chosen.select(1, 1).equal(views.select(1, 0)));
    EXPECT_THROW(choose_views(views, std::vector{ops::View::ap}, wanted), core::DataError);
    const auto half = views_for_network(views, loss::ViewUnit::attenuation, 2);
    EXPECT_NEAR(half[0][0][0][0].item<double>(),
                views[0][0].slice(0, 0, 2).slice(1, 0, 2).mean().item<double>() / 4 - 1, 1e-6);
    EXPECT_TRUE(views_for_network(views, loss::ViewUnit::grey, 4).equal(views * 2 - 1));
    EXPECT_EQ(views_for_network(views, loss::ViewUnit::grey, 8).size(3), 8);
    EXPECT_EQ(views_for_network(at::zeros({0, 2, 4, 4}), loss::ViewUnit::grey, 8).sizes(),
              (std::vector<int64_t>{0, 2, 8, 8}));
}

}  // namespace
}  // namespace vox::tasks
