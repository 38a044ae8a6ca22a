#include "app/foreign_keys.hpp"

#include <algorithm>
#include <cctype>

#include "app/foreign_cascade.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::app {
namespace {

using core::concat;
using core::ConfigError;

std::string lower_case(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

/// Our own name for something, or one that is understood where it is read.
bool is_own(const ForeignKey& foreign, const std::string& section, const std::string& path) {
    return path == foreign.key || foreign.key.starts_with(path + '.') ||
           (section == "train" && foreign.key == "train.accumulation");
}

std::string ours_of(const ForeignKey& foreign, const std::string& word) {
    if (foreign.key.empty()) return "";
    return word.empty() ? concat("the default of `", foreign.key, '`') : concat('`', foreign.key, ": ", word, '`');
}

std::string text_of(const ForeignKey& foreign, config::Section& given) {
    if (foreign.value == ForeignValue::whole_numbers) {
        std::vector<int64_t> numbers;
        given.value(foreign.name, numbers, "");
        return concat('[', core::join(numbers), ']');
    }
    std::string text;
    given.value(foreign.name, text, "");
    return text;
}

/// What the run does with a name that has no key of ours.
void take(const ForeignKey& foreign, const std::string& path, const std::string& value, ForeignNames& names) {
    const bool yes = lower_case(value) == "true";
    if (foreign.name == "distributed" || foreign.name == "use_ddp") {
        if (names.distributed.value_or(yes) != yes)
            throw ConfigError(concat("'", path, ": ", value, "' contradicts 'distributed' or 'use_ddp' beside it"));
        names.distributed = yes;
    }
    if (foreign.name == "use_wandb" || foreign.name == "wandb") {
        if (yes && !names.wandb_project) names.wandb_project = "";
    }
    if (foreign.name == "wandb_project") names.wandb_project = value;
    if (foreign.name == "resume_from" && !value.empty()) names.resume_from = value;
    if (foreign.name == "dataset_path" && !value.empty()) names.shards = value;
}

}  // namespace

std::string in_our_words(const ForeignKey& foreign, const std::string& value, const std::string& given) {
    const std::string word = lower_case(value);  // True and true
    for (const auto& key : {word, std::string("*")})
        if (const auto refusal = foreign.refused.find(key);
            refusal != foreign.refused.end() && !foreign.words.contains(word))
            throw ConfigError(concat("'", given, "' cannot be followed: ", refusal->second));
    if (foreign.words.empty()) return value;
    const auto found = foreign.words.find(word);
    if (found != foreign.words.end()) return found->second;
    std::vector<std::string> allowed;
    for (const auto& [name, meaning] : foreign.words) allowed.push_back(name);
    throw ConfigError(
        concat("'", foreign.name, "' must be one of ", core::join(allowed, " | "), ", not '", value, "'"));
}

const std::vector<ForeignKey>& foreign_keys() {
    static const std::string launcher = "MPI says it: start one rank per GPU with 'mpirun -np N', and leave this out";
    static const std::string convert =
        "training reads shards: 'convert_dataset --input FOLDER --output SHARDS' makes them once, and --data SHARDS "
        "names them";
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
        {"cache_in_memory",
         "",
         {{"false", ""}},
         {{"true",
           "say how much memory: data.cache_mb, in MiB a rank, keeps decoded volumes, so that later epochs do not read "
           "them again (10240: 10 GB)"}},
         "shards are read as crops are needed"},
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

ForeignNames accept_foreign_keys(config::Document& document) {
    ForeignNames names;
    auto root = document.root();
    for (const std::string section : {"training", "train", "data", "model", ""}) {
        if (!section.empty() && !root.has(section)) continue;
        auto given = section.empty() ? root : root.section(section, "");
        for (const auto& foreign : foreign_keys()) {
            const std::string path = section.empty() ? foreign.name : concat(section, '.', foreign.name);
            if (is_own(foreign, section, path) || !given.has(foreign.name)) continue;
            if (foreign.value == ForeignValue::cascade) {
                names.accepted.merge(accept_cascade(document, given, foreign.name, path));
                continue;
            }
            if (!foreign.key.empty() && document.has(foreign.key))
                throw ConfigError(concat("'", path, "' is another name of '", foreign.key, "'; give only one of them"));
            const std::string value = text_of(foreign, given);
            const std::string ours = in_our_words(foreign, value, concat(path, ": ", value));
            if (!foreign.key.empty() && !ours.empty()) document.set(concat(foreign.key, '=', ours));
            take(foreign, path, value, names);
            names.accepted.insert(path);
        }
    }
    return names;
}

std::string foreign_keys_as_markdown() {
    std::string table =
        "Names of other programs are understood too, in the sections `training`, `train`, `data` and `model` and at "
        "top level, some as options of `train`:\n\n"
        "| name | option | here |\n|---|---|---|\n";
    for (const auto& foreign : foreign_keys()) {
        std::vector<std::string> parts;
        if (!foreign.key.empty() && foreign.words.empty()) parts.push_back(concat("alias of `", foreign.key, '`'));
        for (const auto& [word, own] : foreign.words)
            if (!foreign.key.empty()) parts.push_back(concat("alias: `", word, "` is ", ours_of(foreign, own)));
        const bool whatever = foreign.words.empty() ? foreign.refused.empty() : foreign.words.size() > 1;
        if (foreign.key.empty() && whatever) parts.emplace_back("accepted");
        if (foreign.key.empty() && foreign.words.size() == 1)
            parts.push_back(concat('`', foreign.words.begin()->first, "` is accepted"));
        if (!foreign.meaning.empty()) parts.push_back(foreign.meaning);
        for (const auto& [value, reason] : foreign.refused)
            parts.push_back(concat(value != "*"            ? concat('`', value, "` is ")
                                   : foreign.words.empty() ? ""
                                                           : "anything else is ",
                                   "refused: ", reason));
        const std::string option = foreign.option == ForeignOption::none ? "" : concat("`--", foreign.name, "` ");
        table += concat("| `", foreign.name, "` | ", option, "| ", core::join(parts, "; "), " |\n");
    }
    return table;
}

}  // namespace vox::app
