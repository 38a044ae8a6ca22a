// Every task: the sum over ranks of its losses and of its gradients is that of a single process, crops moved in every way.

#include <ATen/ops/cat.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "comm/local_communicator.hpp"
#include "ops/random_scope.hpp"
#include "support/world.hpp"
#include "tasks/make_task.hpp"
#include "tasks/phantom_dataset.hpp"
#include "tasks/prompted_dataset.hpp"
#include "tasks/survival_dataset.hpp"
#include "train/grad_reducer.hpp"

namespace vox::tasks {
namespace {

constexpr int64_t kGlobalMicroBatch = 3;  // at 4 ranks one of them has no item; 5 cases leave a batch of 2

/// What every rank trains, and on what.
struct Recipe {
    const char* name;
    TaskConfig (*config)();
    std::filesystem::path (*shards)(comm::World& world, const std::filesystem::path& folder);
};

/// With every augmentation on.
TaskConfig small_crops() {
    TaskConfig config;
    config.data.crop_size = {16, 16, 16};
    config.data.threads = 1;
    data::SpatialOptions& spatial = config.data.spatial;
    spatial.affine_probability = spatial.rotate_probability = spatial.zoom_probability = 0.5;
    spatial.elastic_probability = spatial.rotate90_probability = 0.5;
    spatial.margin = {2, 3, 4};
    data::IntensityOptions& intensity = config.data.intensity;
    intensity.bias_field_probability = intensity.gaussian_smooth_probability = 0.5;
    intensity.gaussian_noise_probability = intensity.contrast_probability = 0.5;
    intensity.gibbs_noise_probability = intensity.sharpen_probability = 0.2;  // they leave little of so small a crop
    return config;
}

TaskConfig regions() {
    auto config = small_crops();
    config.model.init_filters = 8;
    config.model.blocks_down = {1, 1};
    config.model.blocks_up = {1};
    config.model.norm = "sync_batch";
    return config;
}

/// Classes, and dropout inside of the network.
TaskConfig classes(const std::string& loss) {
    auto config = small_crops();
    config.model = nn::ModelOptions::of("unet");
    config.model.channels = {4, 8, 8};
    config.model.strides = {2, 2};
    config.model.num_res_units = 2;
    config.model.norm = "sync_batch";
    config.loss = loss::Options::of(loss);
    return config;
}

/// Random targets, one case without t1ce, conditions and channels dropped.
TaskConfig synthesis() {
    auto config = small_crops();
    config.task = "synthesis";
    config.data.normalisation = "percentile";
    config.model = nn::ModelOptions::of("fast_ddpm_3d");
    config.model.base_channels = 8;
    config.model.channel_multipliers = {1, 2};
    config.model.num_res_blocks = 1;
    config.model.norm = "sync_batch";
    config.diffusion.prediction = "v";
    config.diffusion.condition_dropout = 0.3;
    return config;
}

/// Volumes out of radiographs by a diffusion, with the physics of X-rays; flips turn both.
TaskConfig xrays() {
    TaskConfig config;
    config.task = "xray_to_ct";
    config.model = nn::ModelOptions::of("xray_to_ct");
    auto& options = config.xray_to_ct;
    options.network.num_stages = 1;
    options.network.stages[0] = {{16, 16, 16}, 4, 16, 1, 2};
    options.network.xray = {64, 2, "sync_batch", 8};
    options.physics_weight = 0.3;
    config.data.resize = {16, 16, 16};
    config.data.crop_size.clear();
    config.data.foreground_ratio = 0;
    config.data.normalisation = "window";
    config.data.threads = 1;
    config.diffusion.prediction = "v";
    return config;
}

/// Risks that are compared over ranks, from volumes and a table, or the table out of volumes.
TaskConfig survival(const std::string& objective) {
    TaskConfig config;
    config.task = "survival";
    config.model = nn::ModelOptions::of("resnet_3d");
    config.model.norm = config.resnet_3d.norm = "sync_batch";
    config.resnet_3d.architecture = "resnet10";
    config.resnet_3d.block_inplanes = {4, 4, 8, 8};
    config.resnet_3d.conv1_t_size = 3;
    config.survival.objective = objective;
    if (objective != "regression") config.resnet_3d.tabular = {"concatenation", 8, 0.3};
    config.data.resize = {8, 8, 8};
    config.data.crop_size.clear();
    config.data.foreground_ratio = 0;
    config.data.normalisation = "zscore";
    config.data.threads = 1;
    return config;
}

/// Words, points and boxes of flipped volumes, with positions and answers to learn, and dropout.
TaskConfig prompts() {
    TaskConfig config;
    config.task = "prompted_segmentation";
    config.model = nn::ModelOptions::of("prompted_segmentor");
    auto& network = config.prompted_segmentor;
    network.channels = {4, 8};
    network.norm = "sync_batch";
    network.token_channels = 16;
    network.heads = 2;
    network.dropout_prob = 0.2;
    config.prompted.prompts = {"words", "points", "boxes"};
    config.data.seed = 1;  // of 10 items 7 are asked in words
    config.data.resize = {8, 8, 8};
    config.data.crop_size.clear();
    config.data.foreground_ratio = 0;
    config.data.normalisation = "zscore";
    config.data.threads = 1;
    return config;
}

std::filesystem::path lesions(comm::World& world, const std::filesystem::path& folder) {
    world.on_root("making lesions", [&] { test::make_prompted(folder, 5); });
    return folder;
}

/// Everybody has an event, two of them at one time.
std::filesystem::path people(comm::World& world, const std::filesystem::path& folder) {
    world.on_root("making people", [&] {
        std::vector<test::Person> all;
        for (const std::string time : {"1", "2", "4", "4", "5"}) {
            const std::string id = "p" + std::to_string(all.size());
            all.push_back(
                {id, "train", {{"time", time}, {"event", "1"}, {"age", std::to_string(40 + 7 * (all.size() % 3))}}});
        }
        test::make_people(folder, all);
    });
    return folder;
}

const Recipe kRecipes[]{
    {"Regions", regions,
     [](comm::World& world, const std::filesystem::path& folder) { return test::phantom_shards(world, folder, 5); }},
    {"Zones", [] { return classes("dice_ce"); },
     [](comm::World& world, const std::filesystem::path& folder) {
         return test::prostate_shards(world, folder, 5, "anatomy");
     }},
    {"Tumours", [] { return classes("dice_focal"); },
     [](comm::World& world, const std::filesystem::path& folder) {
         return test::prostate_shards(world, folder, 5, "tumor");
     }},
    {"Synthesis", synthesis,
     [](comm::World& world, const std::filesystem::path& folder) {
         return test::phantom_shards(world, folder, 5, false, {"t1ce"});
     }},
    {"Xrays", xrays,
     [](comm::World& world, const std::filesystem::path& folder) { return test::body_shards(world, folder, 5); }},
    {"Cox", [] { return survival("cox"); }, people},
    {"Concordance", [] { return survival("concordance"); }, people},
    {"Prompts", prompts, lesions},
    {"TableOutOfVolumes", [] { return survival("regression"); }, people},
};

/// A task with what its gradients need, on some communicator.
struct TaskOnRanks {
    TaskOnRanks(const TaskConfig& config, const std::filesystem::path& shards, comm::Communicator& comm)
        : own(comm.duplicate()) {
        task = make_task(config, {shards, kGlobalMicroBatch, at::kDouble}, *own);
        std::vector<train::NamedParameter> parameters;
        for (auto& item : task->model().named_parameters()) parameters.push_back({item.key(), item.value()});
        reducer = std::make_unique<train::GradReducer>(parameters, comm.duplicate(), train::GradReducer::Options{});
    }

    /// One micro-batch: per term this rank's sum and weight; gradients of the sum over terms and ranks.
    std::vector<double> step() {
        auto batches = task->train_data().next(1);
        task->prepare(batches);
        reducer->zero();
        reducer->arm(true);
        const ops::RandomScope random(batches[0].keys);
        std::vector<double> figures = task->weights(batches[0]);
        at::Tensor total;
        for (const auto& sum : task->loss_sums(batches[0])) {
            figures.push_back(sum.item<double>());
            total = total.defined() ? total + sum : sum;
        }
        total.backward();
        reducer->wait();
        return figures;
    }

    at::Tensor gradients() const {
        std::vector<at::Tensor> parts;
        for (const auto& parameter : reducer->parameters()) parts.push_back(parameter.tensor.grad().reshape({-1}));
        return at::cat(parts);
    }

    std::unique_ptr<comm::Communicator> own;
    std::unique_ptr<train::Task> task;
    std::unique_ptr<train::GradReducer> reducer;
};

class EveryTask : public testing::TestWithParam<Recipe> {};

TEST_P(EveryTask, LossesAndGradientsAreThoseOfASingleProcess) {
    auto& world = test::world();
    const std::filesystem::path folder =
        world.broadcast((std::filesystem::temp_directory_path() / ("vox_tasks_" + std::to_string(getpid()))).string());
    const auto shards = GetParam().shards(world, folder);
    const auto config = GetParam().config();
    {
        comm::LocalCommunicator alone{at::kCPU};
        TaskOnRanks single(config, shards, alone), ranks(config, shards, test::communicator());
        for (int batch = 0; batch < 4; ++batch) {  // two epochs: batches of 3, 2, 3, 2
            const auto expected = single.step(), actual = world.sum(ranks.step());
            ASSERT_EQ(actual.size(), expected.size());
            for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(actual[i] / expected[i], 1, 1e-12) << i;
            const auto difference = at::linalg_vector_norm(ranks.gradients() - single.gradients()).item<double>();
            const auto size = at::linalg_vector_norm(single.gradients()).item<double>();
            ASSERT_GT(size, 1e-3);
            EXPECT_LE(difference / size, 1e-12) << "batch " << batch;
        }
    }
    world.on_root("cleaning up", [&] { std::filesystem::remove_all(folder); });
}

INSTANTIATE_TEST_SUITE_P(Tasks, EveryTask, testing::ValuesIn(kRecipes),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace vox::tasks
