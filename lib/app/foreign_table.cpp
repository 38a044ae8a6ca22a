// Which names there are.

#include "app/foreign_keys.hpp"

namespace vox::app {

const std::vector<ForeignKey>& foreign_keys() {
    static const std::string launcher = "MPI says it: start one rank per GPU with 'mpirun -np N', and leave this out";
    static const std::string convert =
        "training reads shards: 'convert_dataset --input FOLDER --output SHARDS' makes them once, and --data SHARDS "
        "names them";
    static const std::string cache =
        "say how much memory: data.cache_mb, in MiB a rank (with data.cache: node, a node), keeps decoded volumes, so "
        "that later epochs do not read them again (10240: 10 GB)";
    static const std::string run_name = "a run is named by its folder: --run runs/NAME";
    static const std::string wandb =
        "the run sends nothing; it says at start how `tools/export_wandb.py` writes it for `wandb sync`";
    static const std::string ranks =
        "compared with the ranks that were started: `false` with more than one is an error, `true` with one trains "
        "alone";
    static const std::map<std::string, std::string> either{{"true", ""}, {"false", ""}};
    using enum ForeignOption;
    using enum ForeignValue;
    static const std::vector<ForeignKey> table{
        {"batch_size", "data.batch_size", {}},
        {"global_batch_size", "data.global_batch_size", {}},
        {"volume_size", "data.crop_size", {}, {}, "", none, whole_numbers},
        {"num_workers",
         "data.threads",
         {},
         {{"0", "crops are read by threads beside the training, and one is the least: num_workers: 1"}}},
        {"persistent_workers",
         "",
         either,
         {},
         "reading threads live as long as the run, and nothing that they hold depends on the epoch before"},
        {"pin_memory", "", either, {}, "batches reach a GPU out of pinned memory, and there is none without a GPU"},
        {"cache_in_memory", "", {{"false", ""}}, {{"true", cache}}, "shards are read as crops are needed"},
        {"use_smart_cache",
         "data.cache",
         {{"true", "node"}, {"false", ""}},
         {},
         "one copy a node, replaced by `replace_rate` an epoch as threads read ahead; every case comes in every epoch, "
         "kept or "
         "not; data.cache_mb is the most that a node keeps",
         flag},
        {"cache_rate", "data.cache_rate", {}, {}, "with `use_smart_cache: true`"},
        {"replace_rate", "data.replace_rate", {}, {}, "with `use_smart_cache: true`"},
        {"image_size",
         "",
         {},
         {{"*", "say data.resize: [D, H, W]; 256 256 64 in a file's order is [64, 256, 256]"}},
         "",
         none,
         whole_numbers},
        {"resnet", "resnet_3d.architecture", {}},
        {"augmentation",
         "data.flip_probability",
         {{"true", ""}, {"false", "0"}},
         {},
         "flips only: what data.spatial and data.intensity do is said by their own keys"},
        {"gradient_accumulation_steps", "train.accumulation", {}},
        {"accumulation_steps", "train.accumulation", {}},
        {"num_epochs", "train.epochs", {}},
        {"max_epochs", "train.epochs", {}},
        {"n_epochs", "train.epochs", {}},
        {"epochs", "train.epochs", {}},
        {"num_epochs_per_stage", "train.epochs", {}, {}, "a run is one stage"},
        {"stage_configs",
         "",
         {},
         {},
         "a list of one to three mappings, of the stages of `task: xray_to_ct` in order: `volume_size`, `patch_size`, "
         "`voxel_dim`, `vit_depth` and `num_heads` of the first are those of `xray_to_ct.stage1`, and the length is "
         "`xray_to_ct.num_stages`; a `patch_size` that is left out is a sixteenth of another volume than the stage's "
         "default; `name` is any text, but `stage2` must be the second; `xray_to_ct.stage` says which one a run trains",
         none,
         cascade},
        {"xray_config",
         "",
         {},
         {},
         "a mapping: `img_size` and `num_views` are those of `xray_to_ct`, with `task: xray_to_ct`",
         none,
         cascade},
        {"resume_from",
         "",
         {},
         {},
         "alias of `xray_to_ct.previous_run` where `xray_to_ct.stage` is 2 or 3 and has none, else of "
         "`checkpoint.resume`, and so is the option `--resume_from`; another program's checkpoint (`.pt`, `.pth`, "
         "`.ckpt`) is refused"},
        {"val_interval", "train.validate_every_epochs", {}},
        {"early_stopping_patience", "train.early_stopping.patience", {}},
        {"learning_rate", "train.optimizer.lr", {}},
        {"lr", "train.optimizer.lr", {}},
        {"freeze_epochs", "survival.freeze_epochs", {}},
        {"eval_years", "survival.eval_times", {}, {}, "in the unit of the table's times", none, whole_numbers},
        {"grad_clip", "train.clip_norm", {}},
        {"num_timesteps", "diffusion.timesteps", {}},
        {"num_diffusion_timesteps", "diffusion.timesteps", {}},
        {"v_parameterization", "diffusion.prediction", {{"true", "v"}, {"false", "epsilon"}}},
        {"ema", "train.ema.enabled", {{"true", "true"}, {"false", "false"}}},
        {"ema_rate", "train.ema.decay", {}},
        {"ema_decay", "train.ema.decay", {}},
        {"sync_batchnorm",
         "model.norm",
         {{"true", "sync_batch"}, {"false", ""}},
         {},
         "in place of group normalisation too"},
        {"gradient_checkpointing", "model.activation_checkpointing", {}},
        {"amp", "train.precision", {{"true", "auto"}, {"false", "fp32"}}},
        {"compile", "", {{"false", ""}}, {{"true", "kernels are LibTorch's own, and nothing is compiled"}}, "", flag},
        {"backend", "comm.backend", {{"nccl", "nccl"}, {"gloo", "mpi"}, {"mpi", "mpi"}}, {}, "", ForeignOption::given},
        {"mixed_precision",
         "train.precision",
         {{"no", "fp32"}, {"false", "fp32"}, {"true", "auto"}, {"fp16", "fp16"}, {"bf16", "bf16"}},
         {},
         "",
         ForeignOption::given},
        {"overwrite",
         "run.if_exists",
         {{"false", "number"}},
         {{"true",
           "no run is deleted here.  Remove the folder yourself, or leave this key out and say --resume none to start "
           "over in it, or overwrite: False to take a numbered folder beside it"}}},
        {"distributed", "", either, {}, ranks, flag},
        {"use_ddp", "", either, {}, ranks + "; ranks are data parallel in one way only", flag},
        {"use_wandb", "", either, {}, wandb, flag},
        {"wandb", "", either, {}, wandb, flag},
        {"wandb_project",
         "",
         {},
         {},
         "as `use_wandb: true`, and the project that the export names",
         ForeignOption::given},
        {"gpus",
         "",
         {{"auto", ""}},
         {{"*", launcher + "; CUDA_VISIBLE_DEVICES chooses among a node's GPUs"}},
         "each rank takes a GPU of its node",
         ForeignOption::given},
        {"multi_gpu", "", {}, {{"*", launcher}}, "", flag},
        {"num_processes", "", {}, {{"*", launcher}}, "", ForeignOption::given},
        {"method", "", {}, {{"*", "there is one way to start ranks, MPI's: mpirun or srun"}}, "", ForeignOption::given},
        {"world_size", "", {}, {{"*", launcher}}},
        {"local_rank", "", {}, {{"*", launcher}}},
        {"master_addr", "", {}, {{"*", launcher}}},
        {"master_port", "", {}, {{"*", launcher}}},
        {"run_id", "", {}, {{"*", run_name}}},
        {"doc", "", {}, {{"*", run_name}}, "", ForeignOption::given},
        {"log_dir", "", {}, {{"*", run_name}}, "", ForeignOption::given},
        {"csv_path",
         "",
         {},
         {{"*",
           "training reads shards: 'convert_dataset --layout survival --input TABLE.csv --output SHARDS' makes them "
           "once, and --data SHARDS names them"}},
         "",
         ForeignOption::given},
        {"data_root", "", {}, {{"*", convert}}, "", ForeignOption::given},
        {"dataset_path",
         "",
         {},
         {},
         "the folder of shards, as `--data` says it, which counts where both are given; a folder of anything else is "
         "refused"},
    };
    return table;
}

}  // namespace vox::app
