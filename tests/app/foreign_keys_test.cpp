// Names that other programs have for our keys: understood, or refused with what to do.

#include "app/foreign_keys.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "app/configured.hpp"

namespace vox::app {
namespace {

using testing::HasSubstr;

TEST(ForeignKeys, MeanTheSameInEverySectionWhereOthersHaveThem) {
    const std::map<std::string, std::pair<std::string, std::string>> examples{
        // given, and what our key then is
        {"batch_size", {"3", "3"}},
        {"global_batch_size", {"6", "6"}},
        {"num_workers", {"8", "8"}},
        {"max_epochs", {"5", "5"}},
        {"val_interval", {"3", "3"}},
        {"early_stopping_patience", {"1000", "1000"}},
        {"overwrite", {"False", "number"}},
        {"gradient_accumulation_steps", {"4", "4"}},
        {"accumulation_steps", {"2", "2"}},
        {"num_epochs", {"5", "5"}},
        {"learning_rate", {"0.5", "0.5"}},
        {"sync_batchnorm", {"true", "sync_batch"}},
        {"gradient_checkpointing", {"true", "true"}},
        {"amp", {"true", "auto"}},
        {"mixed_precision", {"fp16", "fp16"}},
        {"volume_size", {"[64, 48, 32]", "[64, 48, 32]"}},
        {"augmentation", {"false", "0"}},
        {"n_epochs", {"5", "5"}},
        {"num_epochs_per_stage", {"5", "5"}},
        {"grad_clip", {"1.5", "1.5"}},
        {"num_timesteps", {"500", "500"}},
        {"num_diffusion_timesteps", {"500", "500"}},
        {"v_parameterization", {"true", "v"}},
        {"ema", {"true", "true"}},
        {"ema_rate", {"0.75", "0.75"}},
        {"ema_decay", {"0.75", "0.75"}},
        {"epochs", {"5", "5"}},
        {"lr", {"0.5", "0.5"}},
        {"resnet", {"resnet34", "resnet34"}},
        {"freeze_epochs", {"5", "5"}},
        {"eval_years", {"[1, 3]", "[1, 3]"}},
        {"backend", {"gloo", "mpi"}},
        {"use_smart_cache", {"true", "node"}},
        {"cache_rate", {"0.5", "0.5"}},
        {"replace_rate", {"0.25", "0.25"}},
    };
    size_t with_a_key = 0;
    for (const auto& foreign : foreign_keys()) {
        if (foreign.key.empty()) continue;
        const auto& [given, expected] = examples.at(foreign.name);
        const std::string& name = foreign.name;
        const bool survival = foreign.key.starts_with("survival.") || foreign.key.starts_with("resnet_3d.");
        const std::string task = survival                                ? "task: survival\n"
                                 : foreign.key.starts_with("diffusion.") ? "task: synthesis\n"
                                                                         : "";
        const std::string smart =
            foreign.name.ends_with("_rate") && foreign.key == "data." + name ? "use_smart_cache: true\n" : "";
        const std::string length = task + smart + (foreign.key == "train.epochs" ? "" : "train: {steps: 20}\n");
        std::vector<std::string> places{length + "training: {" + name + ": " + given + "}",
                                        length + name + ": " + given};
        if (foreign.key != "data." + name) places.push_back(length + "data: {" + name + ": " + given + "}");
        for (const auto& yaml : places) EXPECT_EQ(values(configured(yaml)).at(foreign.key), expected) << yaml;
        ++with_a_key;
    }
    EXPECT_EQ(examples.size(), with_a_key);
}

TEST(ForeignKeys, AFileThatWasWrittenForAnotherProgramIsTakenAsItIs) {
    const auto config = configured(R"(
overwrite: False
distributed: True
data: {batch_size: 2, num_workers: 8, persistent_workers: False}
training: {max_epochs: 500, early_stopping_patience: 1000, mixed_precision: True}
)");
    EXPECT_EQ(config.distributed, true);
    EXPECT_EQ(config.task.data.batch_size, 2);
    EXPECT_EQ(config.task.data.threads, 8);
    EXPECT_EQ(config.train.epochs, 500);
    EXPECT_EQ(config.train.early_stopping.patience, 1000);
    EXPECT_EQ(config.train.precision, "auto");
    EXPECT_EQ(config.run_options.if_exists, "number");
    EXPECT_EQ(values(configured(config.resolved_yaml)), values(config)) << "and is written down in our own words";
}

TEST(ForeignKeys, DistributedIsKeptForWhoKnowsTheRanks) {
    EXPECT_EQ(configured(kLeast).distributed, std::nullopt);
    EXPECT_EQ(configured(kLeast + "\ndistributed: False").distributed, false);
    EXPECT_EQ(configured(kLeast + "\ntraining: {distributed: true}").distributed, true);
    EXPECT_THAT(refusal(kLeast + "\ndistributed: 2"), HasSubstr("'distributed' must be one of false | true"));
}

TEST(ForeignKeys, WhatCannotBeFollowedIsRefusedByNameWithWhatToDo) {
    const std::map<std::string, std::pair<std::string, std::string>> examples{
        // given, and what the message says to do
        {"num_workers", {"0", "num_workers: 1"}},       {"overwrite", {"True", "--resume none"}},
        {"multi_gpu", {"true", "mpirun -np N"}},        {"world_size", {"4", "mpirun -np N"}},
        {"local_rank", {"0", "mpirun -np N"}},          {"master_addr", {"localhost", "mpirun -np N"}},
        {"master_port", {"12355", "mpirun -np N"}},     {"run_id", {"tumor", "--run runs/NAME"}},
        {"cache_in_memory", {"true", "data.cache_mb"}}, {"gpus", {"'0,1'", "CUDA_VISIBLE_DEVICES"}},
        {"num_processes", {"4", "mpirun -np N"}},       {"method", {"torchrun", "mpirun or srun"}},
        {"doc", {"first", "--run runs/NAME"}},          {"data_root", {"/data", "convert_dataset"}},
        {"log_dir", {"logs", "--run runs/NAME"}},       {"csv_path", {"a.csv", "--layout survival"}},
        {"compile", {"true", "LibTorch's own"}},        {"image_size", {"[256, 256, 64]", "data.resize: [D, H, W]"}},
    };
    size_t with_refusals = 0;
    for (const auto& foreign : foreign_keys()) {
        if (foreign.refused.empty()) continue;
        const auto& [given, advice] = examples.at(foreign.name);
        const std::string message = refusal(kLeast + "\ntraining: {" + foreign.name + ": " + given + "}");
        const std::string shown = given == "'0,1'" ? "0,1" : given;
        EXPECT_THAT(message, HasSubstr("'training." + foreign.name + ": " + shown + "' cannot be followed"));
        EXPECT_THAT(message, HasSubstr(advice));
        ++with_refusals;
    }
    EXPECT_EQ(examples.size(), with_refusals);
}

TEST(ForeignKeys, AreAllInTheTableForUsersWithTheirMeaning) {
    const std::string table = foreign_keys_as_markdown();
    EXPECT_THAT(table, HasSubstr("| `num_workers` | | alias of `data.threads`; `0` is refused: "));
    EXPECT_THAT(table, HasSubstr("| `sync_batchnorm` | | alias: `false` is the default of `model.norm`; "
                                 "alias: `true` is `model.norm: sync_batch`; "));
    EXPECT_THAT(table, HasSubstr("| `gpus` | `--gpus` | `auto` is accepted; "));
    EXPECT_THAT(table, HasSubstr("| `use_ddp` | `--use_ddp` | accepted; "));
    EXPECT_THAT(table, HasSubstr("| `doc` | `--doc` | refused: "));
    for (const auto& foreign : foreign_keys()) EXPECT_THAT(table, HasSubstr("| `" + foreign.name + "` | "));
    EXPECT_THAT(table, testing::Not(HasSubstr("|  |"))) << "a name that means nothing";
}

TEST(ForeignKeys, FalseLeavesTheDefaultOrTurnsOff) {
    EXPECT_EQ(configured(kLeast + "\nsync_batchnorm: false").task.model.norm, "group");
    EXPECT_EQ(configured(kLeast + "\namp: false").train.precision, "fp32");
    EXPECT_EQ(configured(kLeast, {"--set", "training.batch_size=5"}).task.data.batch_size, 5);
}

TEST(ForeignKeys, ContradictionsAndNonsenseAreErrors) {
    EXPECT_THAT(refusal(kLeast + "\ndata: {batch_size: 1}\nbatch_size: 2"), HasSubstr("give only one of them"));
    EXPECT_THAT(refusal(kLeast + "\namp: maybe"), HasSubstr("'amp' must be one of false | true"));
    EXPECT_THAT(refusal(kLeast + "\ntraining: {multi_gpus: true}"), HasSubstr("unknown key 'training"));
    EXPECT_THAT(refusal(kLeast + "\nnum_epochs: 3\nmax_epochs: 4"), HasSubstr("'max_epochs' is another name of"));
    EXPECT_THAT(refusal(kLeast + "\nbatch_sise: 2"), HasSubstr("unknown key 'batch_sise'"));
}

TEST(ForeignKeys, ASmartCacheIsOneThatANodeShares) {
    const auto data = configured(kLeast + "\nuse_smart_cache: true\ncache_rate: 0.5\nreplace_rate: 0.25").task.data;
    EXPECT_EQ(data.cache, "node");
    EXPECT_EQ(data.cache_rate, 0.5);
    EXPECT_EQ(data.replace_rate, 0.25);
    EXPECT_EQ(configured(kLeast + "\nuse_smart_cache: false").task.data.cache, "rank");
    EXPECT_THAT(refusal(kLeast + "\ncache_rate: 0.5"), HasSubstr("set cache: node (here: rank)"));
}

TEST(ForeignOptions, ResumeFromAndCheckpointDir) {
    const auto config = configured(kLeast, {"--resume_from", "/runs/b", "--checkpoint_dir", "/runs/a"});
    EXPECT_EQ(config.checkpoint.resume, "/runs/b");
    EXPECT_EQ(config.run, "/runs/a");
    EXPECT_THAT(refusal(kLeast, {"--run", "a", "--checkpoint_dir", "b"}), HasSubstr("give only one of them"));
}

TEST(ForeignOptions, AreUnderstoodAsTheirKeysAre) {
    const auto config = configured(kLeast, {"--mixed_precision", "bf16", "--distributed", "--use_ddp", "--gpus", "auto",
                                            "--backend", "gloo", "--use_smart_cache"});
    EXPECT_EQ(config.train.precision, "bf16");
    EXPECT_EQ(config.comm.backend, "mpi");
    EXPECT_EQ(config.task.data.cache, "node");
    EXPECT_EQ(config.distributed, true);
    EXPECT_THAT(config.resolved_yaml, testing::Not(HasSubstr("gpus")));
    EXPECT_EQ(configured(kLeast).distributed, std::nullopt) << "a switch that nobody gave";
}

TEST(ForeignOptions, WhatCannotBeFollowedIsAUsageErrorWithWhatToDo) {
    const std::map<std::vector<std::string>, std::string> examples{
        {{"--gpus", "0,1"}, "CUDA_VISIBLE_DEVICES"}, {{"--multi_gpu"}, "mpirun -np N"},
        {{"--num_processes", "4"}, "mpirun -np N"},  {{"--method", "accelerate"}, "mpirun or srun"},
        {{"--doc", "first"}, "--run runs/NAME"},     {{"--data_root", "/d"}, "convert_dataset"},
        {{"--mixed_precision", "fp8"}, "bf16"},      {{"--csv_path", "data.csv"}, "--layout survival"},
        {{"--log_dir", "logs"}, "--run runs/NAME"},  {{"--compile"}, "LibTorch's own"},
    };
    for (const auto& [words, advice] : examples) {
        EXPECT_THROW(configured(kLeast, words), core::UsageError) << words[0];
        EXPECT_THAT(refusal(kLeast, words), HasSubstr(advice));
    }
    size_t options = 0;
    for (const auto& foreign : foreign_keys()) options += foreign.option != ForeignOption::none;
    EXPECT_EQ(foreign_options().options().size(), options);
}

TEST(ForeignWandb, IsRememberedWithItsProject) {
    EXPECT_EQ(configured(kLeast).wandb_project, std::nullopt);
    EXPECT_EQ(configured(kLeast + "\nuse_wandb: false").wandb_project, std::nullopt);
    EXPECT_EQ(configured(kLeast + "\nuse_wandb: true").wandb_project, "");
    EXPECT_EQ(configured(kLeast + "\ntraining: {use_wandb: true, wandb_project: brats}").wandb_project, "brats");
    EXPECT_EQ(configured(kLeast, {"--wandb"}).wandb_project, "");
    EXPECT_EQ(configured(kLeast, {"--use_wandb", "--wandb_project", "it's: mine"}).wandb_project, "it's: mine");
}

TEST(ForeignKeys, TwoWordsForRanksMustAgree) {
    EXPECT_EQ(configured(kLeast + "\nuse_ddp: false").distributed, false);
    EXPECT_THAT(refusal(kLeast + "\nuse_ddp: true\ndistributed: false"), HasSubstr("contradicts"));
}

TEST(ForeignKeys, OurOwnSectionsKeepTheirNames) {
    EXPECT_TRUE(configured("train: {steps: 20, ema: {enabled: true}}").train.ema.enabled);
    EXPECT_TRUE(configured(kLeast + "\nmodel: {ema: true, ema_rate: 0.5}").train.ema.enabled);
}

}  // namespace
}  // namespace vox::app
