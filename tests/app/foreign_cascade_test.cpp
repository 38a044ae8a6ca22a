// Another program's words for a cascade from X-rays to CT: stage_configs, xray_config, resume_from, dataset_path.

#include "app/foreign_cascade.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "app/configured.hpp"
#include "support/temporary_folder.hpp"

namespace vox::app {
namespace {

using testing::HasSubstr;
using Numbers = std::vector<int64_t>;

const std::string kThree =
    "stage_configs: [{name: stage1, volume_size: [32, 32, 32], voxel_dim: 48, vit_depth: 2, num_heads: 6},"
    " {name: finer, volume_size: [64, 64, 64], patch_size: 8, voxel_dim: 64, vit_depth: 3, num_heads: 2}, {}]\n" +
    kLeast;
const std::string kTwo = "stage_configs: [{}, {}]\n" + kLeast;

/// A list of one stage with these keys.
std::string one_stage(const std::string& keys) { return "stage_configs: [{" + keys + "}]\n" + kLeast; }

TEST(ForeignCascade, AFileOfTheGuidesFormIsTakenAsItIs) {
    const test::TemporaryFolder folder;
    std::ofstream(folder / "multi_view.json") << R"({
      "xray_config": {
        "img_size": 256,
        "num_views": 2
      },
      "stage_configs": [
        {
          "name": "stage1",
          "volume_size": [64, 64, 64],
          "voxel_dim": 384,      // Can increase with more memory
          "vit_depth": 6,        /* or 8 */
          "num_heads": 6
        }
      ],
      "training": {
        "batch_size": 8,          // 8 per GPU = 32 total
        "learning_rate": 1e-3,
        "num_epochs_per_stage": 100,
        "num_timesteps": 500,
        "v_parameterization": false,
        "gradient_checkpointing": true,
        "mixed_precision": "fp16",
        "accumulation_steps": 2
      },
      "data": {
        "dataset_path": "./data/drr_patient_data",
        "augmentation": false,
        "cache_in_memory": false,
        "num_workers": 4
      }
    })";
    const auto config = configured("", {"--config", (folder / "multi_view.json").string(), "--data", "/shards"});
    EXPECT_EQ(config.task.task, "xray_to_ct");
    const auto& network = config.task.xray_to_ct.network;
    EXPECT_EQ(network.xray.img_size, 256);
    EXPECT_EQ(network.xray.num_views, 2);
    EXPECT_EQ(network.num_stages, 1);
    EXPECT_EQ(network.stages[0], (nn::XrayToCtStage{{64, 64, 64}, 4, 384, 6, 6}));
    EXPECT_TRUE(network.activation_checkpointing);
    EXPECT_EQ(config.task.data.batch_size, 8);
    EXPECT_EQ(config.task.data.resize, (Numbers{64, 64, 64}));
    EXPECT_EQ(config.task.data.threads, 4);
    EXPECT_EQ(config.task.data.flip_probability, 0);
    EXPECT_EQ(config.task.data.intensity_scale, 0) << "nothing is left of augmentation";
    EXPECT_EQ(config.task.data.intensity_shift, 0);
    EXPECT_EQ(config.task.diffusion.schedule.timesteps, 500);
    EXPECT_EQ(config.task.diffusion.prediction, "epsilon");
    EXPECT_EQ(config.train.optimizer.lr, 1e-3);
    EXPECT_EQ(config.train.epochs, 100);
    EXPECT_EQ(config.train.precision, "fp16");
    EXPECT_EQ(config.train.accumulation, 2);
    EXPECT_EQ(config.shards, "/shards") << "the command line's, though the file names a folder";
    EXPECT_EQ(values(configured(config.resolved_yaml)), values(config)) << "and is written down in our own words";
    EXPECT_THAT(config.resolved_yaml, testing::Not(HasSubstr("stage_configs")));
}

TEST(ForeignCascade, StagesComeInTheirOrder) {
    const auto config = configured(kThree);
    const auto& network = config.task.xray_to_ct.network;
    EXPECT_EQ(network.num_stages, 3);
    EXPECT_EQ(network.stages[0], (nn::XrayToCtStage{{32, 32, 32}, 2, 48, 2, 6}));
    EXPECT_EQ(network.stages[1], (nn::XrayToCtStage{{64, 64, 64}, 8, 64, 3, 2}));
    EXPECT_EQ(network.stages[2], nn::XrayToCtOptions::default_stages()[2]);
    EXPECT_EQ(configured(kThree, {"--set", "xray_to_ct.stage=1"}).task.data.resize, (Numbers{32, 32, 32}));
    EXPECT_EQ(configured(kThree, {"--set", "xray_to_ct.stage=2"}).task.data.resize, (Numbers{64, 64, 64}));
    EXPECT_EQ(
        configured("model: {" + kTwo.substr(0, kTwo.find('\n')) + "}\n" + kLeast).task.xray_to_ct.network.num_stages,
        2);
}

TEST(ForeignCascade, APatchSizeThatIsLeftOutMakesSixteenTokensAlongTheVolume) {
    const auto patch = [](const std::string& keys, const std::vector<std::string>& words = {}) {
        return configured(one_stage(keys), words).task.xray_to_ct.network.stages[0].patch_size;
    };
    EXPECT_EQ(patch("volume_size: [64, 64, 64]"), 4);
    EXPECT_EQ(patch("volume_size: [128, 64, 128]"), 8);
    EXPECT_EQ(patch("volume_size: [1024, 1024, 1024]"), 64);
    EXPECT_EQ(patch("volume_size: [64, 64, 64], patch_size: 16"), 16);
    EXPECT_EQ(patch("volume_size: [48, 48, 48]", {"--set", "xray_to_ct.stage1.patch_size=4"}), 4);
    for (const std::string size :
         {"[16, 16, 16]", "[48, 48, 48]", "[72, 72, 72]", "[2048, 2048, 2048]", "[128, 100, 128]"})
        EXPECT_THAT(refusal(one_stage("volume_size: " + size)),
                    HasSubstr("'stage_configs[0]' must say its patch_size"));
    EXPECT_THAT(refusal(one_stage("volume_size: []")), HasSubstr("volume_size is []"));
}

TEST(ForeignCascade, WhatCannotBeFollowedIsRefusedByName) {
    const std::map<std::string, std::string> examples{
        {"[{}, {xyz: 1}]", "unknown key 'stage_configs[1].xyz'"},
        {"[{}, {vit_dept: 1}]", "did you mean 'stage_configs[1].vit_depth'?"},
        {"[{}, {vit_depth: deep}]", "'stage_configs[1].vit_depth' must be a whole number, not 'deep'"},
        {"[{}, {volume_size: 128}]", "'stage_configs[1].volume_size' must be a list of whole numbers"},
        {"[{}, {}, {}, {}]", "'stage_configs' lists 4 stages; a cascade has 1 to 3"},
        {"[]", "'stage_configs' lists 0 stages"},
        {"[{name: stage2}]", "'stage_configs[0].name' is 'stage2', but it is number 1 of the list"},
        {"[{}, {name: stage1}]", "'stage_configs[1].name' is 'stage1', but it is number 2"},
        {"[{}, stage2]", "'stage_configs[1]' must be a mapping"},
        {"{name: stage1}", "'stage_configs' must be a list of mappings"},
        {"[{voxel_dim: 100}]", "xray_to_ct.stage1: voxel_dim is 100"},
    };
    for (const auto& [stages, message] : examples)
        EXPECT_THAT(refusal("stage_configs: " + stages + "\n" + kLeast), HasSubstr(message)) << stages;
    EXPECT_THAT(refusal("xray_config: {num_view: 1}\n" + kLeast), HasSubstr("did you mean 'xray_config.num_views'?"));
    EXPECT_THAT(refusal("xray_config: {num_views: 3}\n" + kLeast), HasSubstr("num_views is 3"));
}

TEST(ForeignCascade, MakesTheDocumentOneOfItsTask) {
    EXPECT_EQ(configured("xray_config: {num_views: 1}\n" + kLeast).task.xray_to_ct.network.xray.num_views, 1);
    EXPECT_EQ(configured("xray_config: {}\n" + kLeast).task.task, "xray_to_ct");
    EXPECT_EQ(configured(kTwo + "\ntask: xray_to_ct").task.task, "xray_to_ct");
    EXPECT_THAT(
        refusal(kTwo + "\ntask: synthesis"),
        HasSubstr("'stage_configs' describes a cascade from X-rays to CT, which task 'synthesis' does not train"));
    EXPECT_THAT(refusal("data: {xray_config: {}}\n" + kLeast, {"--set", "task=segmentation"}),
                HasSubstr("'data.xray_config' describes a cascade"));
}

TEST(ForeignCascade, AKeyInTwoWordsIsAnError) {
    const std::map<std::string, std::string> examples{
        {"xray_to_ct.num_stages=2", "the length of 'stage_configs' is 'xray_to_ct.num_stages'"},
        {"xray_to_ct.stage1.voxel_dim=64",
         "'stage_configs[0].voxel_dim' is another name of 'xray_to_ct.stage1.voxel_dim'"},
        {"model.stage_configs=[{}]", "the length of 'stage_configs' is"},
        {"data.crop_size=[64, 64, 64]", "contradict each other"},
    };
    for (const auto& [setting, message] : examples)
        EXPECT_THAT(refusal(kThree, {"--set", setting}), HasSubstr(message)) << setting;
}

// ---- resume_from

TEST(ForeignResumeFrom, IsTheRunOfTheStageBeforeWhereALaterStageNamesNone) {
    const std::vector<std::string> second{"--set", "xray_to_ct.stage=2"};
    auto words = second;
    words.insert(words.end(), {"--resume_from", "/runs/it's one"});
    for (const auto& config :
         {configured(kTwo, words), configured(kTwo + "\nresume_from: \"/runs/it's one\"", second)}) {
        EXPECT_EQ(config.task.xray_to_ct.previous_run, "/runs/it's one");
        EXPECT_EQ(config.checkpoint.resume, "auto");
    }
    words.insert(words.end(), {"--set", "xray_to_ct.previous_run=/runs/stage1"});
    const auto named = configured(kTwo, words);
    EXPECT_EQ(named.task.xray_to_ct.previous_run, "/runs/stage1");
    EXPECT_EQ(named.checkpoint.resume, "/runs/it's one");
}

TEST(ForeignResumeFrom, IsElseWhatTheRunGoesOnFrom) {
    for (const auto& yaml : {kLeast, kTwo}) {
        EXPECT_EQ(configured(yaml + "\nresume_from: /runs/a").checkpoint.resume, "/runs/a");
        EXPECT_EQ(configured(yaml + "\nresume_from: null").checkpoint.resume, "auto");
        const auto config = configured(yaml + "\ncheckpoint: {resume: none}", {"--resume_from", "/runs/b"});
        EXPECT_EQ(config.checkpoint.resume, "/runs/b") << "the command line beats the file";
        EXPECT_EQ(config.keys.size(), configured(yaml).keys.size());
    }
    EXPECT_EQ(configured(kLeast + "\nresume_from: /runs/a", {"--resume_from", "/runs/b"}).checkpoint.resume, "/runs/b");
    const auto second = configured(kTwo, {"--set", "xray_to_ct.stage=2", "--resume_from", "none"});
    EXPECT_EQ(second.checkpoint.resume, "none");
    EXPECT_EQ(second.task.xray_to_ct.previous_run, "");
    EXPECT_THAT(refusal(kLeast + "\nresume_from: a\ncheckpoint: {resume: b}"), HasSubstr("give only one of them"));
}

TEST(ForeignResumeFrom, ACheckpointOfAnotherProgramIsRefusedByName) {
    EXPECT_THAT(refusal(kTwo + "\nresume_from: stage1_best.pt"),
                HasSubstr("'resume_from: stage1_best.pt' cannot be followed: a .pt file is a pickle"));
    const std::vector<std::string> words{"--resume_from", "checkpoints_4gpu/stage2_best.pth"};
    EXPECT_THAT(refusal(kTwo, words), HasSubstr("'--resume_from checkpoints_4gpu/stage2_best.pth' cannot be followed"));
    EXPECT_THROW(configured(kTwo, words), core::UsageError);
}

// ---- dataset_path

TEST(ForeignDatasetPath, NamesShardsWhereTheCommandLineNamesNone) {
    const test::TemporaryFolder folder;
    const std::string path = folder.path().string();
    const std::string yaml = "data: {dataset_path: " + path + "}\n" + kLeast;
    EXPECT_THAT(refusal(yaml), HasSubstr("'dataset_path: " + path + "' cannot be followed"));
    EXPECT_THAT(refusal(yaml), HasSubstr("convert_dataset --layout LAYOUT --input " + path));
    EXPECT_THAT(refusal(yaml + "\nxray_config: {}"), HasSubstr("convert_dataset --layout xray_ct"));
    EXPECT_EQ(configured(yaml, {"--data", "/shards"}).shards, "/shards");
    std::ofstream(folder / "dataset.json") << "{}";
    EXPECT_EQ(configured(yaml).shards, path);
    EXPECT_EQ(configured("data: {dataset_path: null}\n" + kLeast).shards, "");
}

}  // namespace
}  // namespace vox::app
