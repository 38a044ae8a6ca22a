// Every documented key: it arrives, it is written down as it reads back, and a test shows what it does.  A key without an entry
// here fails.  Also where values come from.

#include "app/run_config.hpp"

#include <ATen/Parallel.h>
#include <ATen/ops/full.h>
#include <ATen/ops/full_like.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "app/configured.hpp"
#include "app/key_entries.hpp"
#include "app/threads.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "support/oracle.hpp"
#include "support/temporary_folder.hpp"

namespace vox::app {
namespace {

using testing::HasSubstr;

TEST(RunConfigKeys, EachHasAnEntryAndEachEntryAKey) {
    std::set<std::string> documented, listed;
    for (const auto& key : configured(kLeast).keys) documented.insert(key.path);
    for (const auto& [key, entry] : kEntries) listed.insert(key);
    EXPECT_EQ(documented, listed);
}

TEST(RunConfigKeys, TheTestThatShowsItsEffectExists) {
    for (const auto& [key, entry] : kEntries) {
        std::ifstream in(test::source_folder() / "tests" / entry.file);
        std::stringstream text;
        text << in.rdbuf();
        const bool python = entry.file.ends_with(".py");
        EXPECT_THAT(text.str(), HasSubstr(python ? "def " + entry.test + "(" : "(" + entry.test + ")"))
            << key << " in " << entry.file;
    }
}

TEST(RunConfigKeys, EachValueArrivesAloneAndReadsBack) {
    const auto before = values(configured(kLeast));
    for (const auto& [key, entry] : kEntries) {
        std::vector<std::string> words{"--set", key + "=" + entry.value};
        std::set<std::string> touched{key};
        for (const auto& one : entry.also) {
            words.insert(words.end(), {"--set", one});
            touched.insert(one.substr(0, one.find('=')));
        }
        if (key == "data.global_batch_size") touched.insert("data.batch_size");  // then 0: not in force
        const auto config = configured(kLeast, words);
        const auto after = values(config);
        for (const auto& [name, value] : after)
            EXPECT_TRUE(touched.contains(name) || value == before.at(name)) << name << " changed with " << key;
        EXPECT_NE(after.at(key), before.at(key)) << key;
        EXPECT_EQ(values(configured(config.resolved_yaml)), after) << "config.yaml of a run with another " << key;
    }
}

TEST(RunConfigKeys, AreAllInTheTableForUsersWithTheirMeaning) {
    const std::string table = keys_as_markdown();
    for (const auto& key : configured(kLeast).keys) {
        EXPECT_FALSE(key.doc.empty()) << key.path;
        EXPECT_THAT(table, HasSubstr("| `" + key.path + "` |"));
    }
}

TEST(RunConfigKeys, UnknownOnesNameTheNearest) {
    EXPECT_THAT(refusal("train: {steps: 20, optimizer: {lrr: 1}}"), HasSubstr("did you mean 'train.optimizer.lr'?"));
    EXPECT_THAT(refusal(kLeast, {"--set", "chekpoint.keep_last=3"}), HasSubstr("did you mean 'checkpoint'?"));
}

TEST(RunConfigTask, AnUnknownTaskIsRefused) {
    EXPECT_EQ(refusal(kLeast), "accepted");
    EXPECT_THAT(refusal("task: segmentaton\n" + kLeast), HasSubstr("did you mean 'segmentation'?"));
}

TEST(RunConfigTask, BringsItsOwnDefaults) {
    const auto config = configured("task: synthesis\n" + kLeast);
    EXPECT_EQ(config.task.model.name, "fast_ddpm_3d");
    EXPECT_EQ(config.task.data.normalisation, "percentile");
    const auto xrays = configured("{task: xray_to_ct, xray_to_ct: {stage: 2}, train: {steps: 10}}");
    EXPECT_EQ(xrays.task.data.resize, (std::vector<int64_t>{128, 128, 128}));
    EXPECT_TRUE(xrays.task.data.crop_size.empty());
    EXPECT_EQ(xrays.task.diffusion.steps, 50);
    EXPECT_THAT(refusal("{task: synthesis, loss: {smooth_nr: 0.5}, train: {steps: 10}}"),
                HasSubstr("loss.smooth_nr has no effect with task 'synthesis'"));
}

TEST(RunConfigSeed, ReachesTheOrderOfSamples) {
    const auto order = [](const RunConfig& config) {
        return data::EpochSampler({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, config.task.data.sampler(2)).epoch_order(0);
    };
    const auto zero = order(configured(kLeast)), seven = order(configured("seed: 7\n" + kLeast));
    EXPECT_NE(zero, seven);
    EXPECT_EQ(seven, order(configured(kLeast, {"--set", "seed=7"})));
}

TEST(Threads, AreWhatIsConfiguredOrAShareOfTheCores) {
    const auto world = comm::make_local_world();
    const auto config = configured(kLeast, {"--set", "train.threads_per_rank=3"});
    EXPECT_EQ(settle_threads(*world, config.train.threads_per_rank), 3);
    EXPECT_EQ(at::get_num_threads(), 3);
    EXPECT_GE(settle_threads(*world, 0), 1);
}

/// The learning rates of 40 steps with a validation after each: its figure rises by a twentieth of a percent, then stands still.
std::vector<double> rates(const std::vector<std::string>& settings) {
    std::vector<std::string> words;
    for (const auto& one : settings) words.insert(words.end(), {"--set", "train.schedule." + one});
    const auto train = configured(kLeast, words).train;
    train::Schedule schedule(train.schedule, train::scaled_lr(train.optimizer.lr, 8, train.schedule), 40);
    std::vector<double> result;
    for (int64_t step = 0; step < 40; ++step) {
        result.push_back(schedule.lr(step));
        result.push_back(schedule.momentum(step).value_or(-1));
        schedule.observe(0.5 * std::pow(1.0005, static_cast<double>(std::min<int64_t>(step, 8))), true);
    }
    return result;
}

TEST(RunConfigSchedule, EachKeyChangesTheRates) {
    const std::vector<std::pair<std::string, std::vector<std::string>>> cases{
        {"name=poly", {}},
        {"warmup_steps=5", {}},
        {"warmup_start=0.5", {"warmup_steps=5"}},
        {"min_lr=1e-5", {}},
        {"power=2", {"name=poly"}},
        {"restart_steps=3", {"name=cosine_restarts"}},
        {"restart_factor=3", {"name=cosine_restarts"}},
        {"plateau_factor=0.5", {"name=plateau"}},
        {"plateau_patience=3", {"name=plateau"}},
        {"plateau_threshold=0.5", {"name=plateau"}},
        {"onecycle_pct_start=0.5", {"name=onecycle"}},
        {"onecycle_div_factor=5", {"name=onecycle"}},
        {"onecycle_final_div_factor=5", {"name=onecycle"}},
        {"onecycle_momentum=[0.5, 0.75]", {"name=onecycle"}},
        {"lr_scaling=sqrt", {}},
        {"lr_scaling_base_batch=4", {"lr_scaling=linear"}},
    };
    size_t keys = 0;
    for (const auto& [key, entry] : kEntries) keys += key.starts_with("train.schedule.");
    EXPECT_EQ(cases.size(), keys);
    for (const auto& [setting, others] : cases) {
        auto with = others;
        with.push_back(setting);
        EXPECT_NE(rates(with), rates(others)) << setting;
    }
}

/// A weight and a bias after three steps along gradients that differ.
std::vector<double> moved(const std::vector<std::string>& settings) {
    std::vector<std::string> words;
    for (const auto& one : settings) words.insert(words.end(), {"--set", "train.optimizer." + one});
    const auto options = configured(kLeast, words).train.optimizer;
    const auto weight = at::full({1, 1}, 0.5, at::kDouble), bias = at::full({1}, 0.5, at::kDouble);
    const auto optimizer = train::make_optimizer(options, {{"weight", weight}, {"bias", bias}});
    for (const double gradient : {1.0, -0.25, 3.0}) {
        for (auto tensor : {weight, bias}) tensor.mutable_grad() = at::full_like(tensor, gradient);
        optimizer->step(options.lr);
    }
    return {weight.item<double>(), bias.item<double>()};
}

TEST(RunConfigOptimizer, EachKeyChangesTheSteps) {
    const std::vector<std::pair<std::string, std::vector<std::string>>> cases{
        {"name=sgd", {}},
        {"lr=0.5", {}},
        {"weight_decay=0.5", {}},
        {"weight_decay=0.25", {"name=sgd"}},
        {"betas=[0.5, 0.999]", {}},
        {"betas=[0.9, 0.5]", {}},
        {"name=adam", {"weight_decay=0.5", "decay_norm_and_bias=true"}},
        {"name=novograd", {}},
        {"eps=0.5", {}},
        {"amsgrad=true", {"betas=[0.9, 0.5]"}},
        {"momentum=0.5", {"name=sgd"}},
        {"nesterov=false", {"name=sgd"}},
        {"decay_norm_and_bias=true", {"weight_decay=0.5"}},
    };
    for (const auto& [setting, others] : cases) {
        auto with = others;
        with.push_back(setting);
        EXPECT_NE(moved(with), moved(others)) << setting;
    }
}

// ---- Where values come from

TEST(RunConfigSources, DefaultThenFileThenEnvironmentThenCommandLine) {
    const std::string file = "train: {steps: 1, log_every: 2, accumulation: 2, clip_norm: 2}";
    setenv("VOX_TRAIN__LOG_EVERY", "3", 1);
    setenv("VOX_TRAIN__ACCUMULATION", "3", 1);
    const auto config = configured(file, {"--set", "train.accumulation=4", "--set", "train.accumulation=5"});
    unsetenv("VOX_TRAIN__LOG_EVERY");
    unsetenv("VOX_TRAIN__ACCUMULATION");
    EXPECT_EQ(config.train.bucket_mb, train::Options().bucket_mb);  // nobody spoke of it
    EXPECT_EQ(config.train.clip_norm, 2);  // the file
    EXPECT_EQ(config.train.log_every, 3);  // the environment beats the file
    EXPECT_EQ(config.train.accumulation, 5);  // the command line beats both, its last word counts
}

TEST(RunConfigSources, AMisspeltVariableOfTheEnvironmentIsAnError) {
    setenv("VOX_TRAIN__STEPZ", "3", 1);
    const std::string message = refusal(kLeast);
    unsetenv("VOX_TRAIN__STEPZ");
    EXPECT_THAT(message, HasSubstr("VOX_TRAIN__STEPZ"));
    EXPECT_THAT(message, HasSubstr("train.steps"));
}

TEST(RunConfigSources, JsonWithCommentsIsAFileToo) {
    const test::TemporaryFolder folder;
    std::ofstream(folder / "run.json") << R"({
        // four GPUs, two crops each
        "data": {"batch_size": 2, "crop_size": [32, 32, 32]},
        "train": {"steps": 9 /* short */, "optimizer": {"lr": 1e-3}}
    })";
    const auto config = configured(kLeast, {"--config", (folder / "run.json").string()});
    EXPECT_EQ(config.train.steps, 9);
    EXPECT_EQ(config.task.data.batch_size, 2);
    EXPECT_DOUBLE_EQ(config.train.optimizer.lr, 1e-3);
}

TEST(RunConfigOptions, TheCommandLineReachesTheRun) {
    const auto config = configured(kLeast, {"--data", "/shards", "--run", "/runs/a", "--resume", "none", "--dry-run",
                                            "--init-from", "/weights of others.safetensors"});
    EXPECT_EQ(config.shards, "/shards");
    EXPECT_EQ(config.run, "/runs/a");
    EXPECT_EQ(config.checkpoint.resume, "none");
    EXPECT_TRUE(config.dry_run);
    EXPECT_EQ(config.train.init_from, "/weights of others.safetensors");
}

TEST(RunConfigOptions, DebugIsTenStepsOfTwoCasesWithEveryCheck) {
    const auto config = configured("train: {epochs: 300}", {"--debug"});
    EXPECT_EQ(config.train.steps, 10);
    EXPECT_EQ(config.train.epochs, 0);
    EXPECT_EQ(config.train.log_every, 1);
    EXPECT_EQ(config.train.replica_check_every, 1);
    EXPECT_TRUE(config.train.detect_anomaly);
    EXPECT_EQ(config.task.data.max_cases, 2);
    core::log::set_level(core::log::Level::info);
}

TEST(RunConfigMetrics, NonsenseIsRefused) {
    const auto metrics = [](const std::string& keys) { return refusal(kLeast + "\nmetrics: {" + keys + "}"); };
    EXPECT_EQ(metrics("hausdorff_percentiles: [50, 100]"), "accepted");
    for (const std::string list : {"[]", "[0]", "[101]", "[-5]"})
        EXPECT_THAT(metrics("hausdorff_percentiles: " + list), HasSubstr("above 0 and at most 100")) << list;
    EXPECT_THAT(metrics("hausdorff_percentiles: [95, 95.0]"), HasSubstr("twice"));
    EXPECT_THAT(metrics("lesion_threshold: 1"), HasSubstr("below 1"));
    EXPECT_THAT(metrics("hausdorff_definition: max_direct"), HasSubstr("did you mean 'max_directed'?"));
    EXPECT_THAT(refusal(kLeast + "\ninfer: {connectivity: 8}"), HasSubstr("6, 18 or 26"));
}

}  // namespace
}  // namespace vox::app
