#include "app/foreign_keys.hpp"

#include <algorithm>
#include <cctype>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::app {
namespace {

using core::concat;
using core::ConfigError;

bool has(config::Section section, const std::string& path) {
    const auto dot = path.find('.');
    const std::string first = path.substr(0, dot);
    if (!section.has(first)) return false;
    return dot == std::string::npos || has(section.section(first, ""), path.substr(dot + 1));
}

std::string lower_case(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

std::string translated(const ForeignKey& foreign, const std::string& path, const std::string& value) {
    const std::string word = lower_case(value);  // True and true
    for (const auto& key : {word, std::string("*")})
        if (const auto refusal = foreign.refused.find(key); refusal != foreign.refused.end())
            throw ConfigError(concat("'", path, ": ", value, "' cannot be followed: ", refusal->second));
    if (foreign.words.empty()) return value;
    const auto found = foreign.words.find(word);
    if (found != foreign.words.end()) return found->second;
    std::vector<std::string> allowed;
    for (const auto& [name, meaning] : foreign.words) allowed.push_back(name);
    throw ConfigError(concat("'", path, "' must be one of ", core::join(allowed, " | "), ", not '", value, "'"));
}

/// Our own name for something, or one that is understood where it is read.
bool is_own(const ForeignKey& foreign, const std::string& section, const std::string& path) {
    return path == foreign.key || (section == "train" && foreign.key == "train.accumulation");
}

std::string ours_of(const ForeignKey& foreign, const std::string& word) {
    if (foreign.key.empty()) return "";
    return word.empty() ? concat("the default of `", foreign.key, '`') : concat('`', foreign.key, ": ", word, '`');
}

}  // namespace

const std::vector<ForeignKey>& foreign_keys() {
    static const std::string launcher =
        "MPI says it: start one rank per GPU with 'mpirun -np N', and leave this key out";
    static const std::vector<ForeignKey> table{
        {"batch_size", "data.batch_size", {}},
        {"global_batch_size", "data.global_batch_size", {}},
        {"num_workers",
         "data.threads",
         {},
         {{"0", "crops are read by threads beside the training, and one is the least: num_workers: 1"}}},
        {"persistent_workers",
         "",
         {{"true", ""}, {"false", ""}},
         {},
         "either: reading threads live as long as the run, and nothing that they hold depends on the epoch before"},
        {"gradient_accumulation_steps", "train.accumulation", {}},
        {"accumulation_steps", "train.accumulation", {}},
        {"num_epochs", "train.epochs", {}},
        {"max_epochs", "train.epochs", {}},
        {"val_interval", "train.validate_every_epochs", {}},
        {"early_stopping_patience", "train.early_stopping.patience", {}},
        {"learning_rate", "train.optimizer.lr", {}},
        {"sync_batchnorm", "model.norm", {{"true", "sync_batch"}, {"false", ""}}},
        {"gradient_checkpointing", "model.activation_checkpointing", {}},
        {"amp", "train.precision", {{"true", "auto"}, {"false", "fp32"}}},
        {"mixed_precision",
         "train.precision",
         {{"no", "fp32"}, {"false", "fp32"}, {"true", "auto"}, {"fp16", "fp16"}, {"bf16", "bf16"}}},
        {"overwrite",
         "run.if_exists",
         {{"false", "number"}},
         {{"true",
           "no run is deleted here.  Remove the folder yourself, or leave this key out and say --resume none to start "
           "over "
           "in it, or overwrite: False to take a numbered folder beside it"}}},
        {"distributed",
         "",
         {{"true", ""}, {"false", ""}},
         {},
         "compared with the ranks that were started: `false` with more than one is an error, `true` with one trains "
         "alone"},
        {"multi_gpu", "", {}, {{"*", launcher}}},
        {"world_size", "", {}, {{"*", launcher}}},
        {"local_rank", "", {}, {{"*", launcher}}},
        {"master_addr", "", {}, {{"*", launcher}}},
        {"master_port", "", {}, {{"*", launcher}}},
        {"run_id", "", {}, {{"*", "a run is named by its folder: --run runs/NAME"}}},
    };
    return table;
}

ForeignNames accept_foreign_keys(config::Document& document) {
    ForeignNames names;
    auto root = document.root();
    for (const std::string section : {"training", "train", "data", ""}) {
        if (!section.empty() && !root.has(section)) continue;
        auto given = section.empty() ? root : root.section(section, "");
        for (const auto& foreign : foreign_keys()) {
            const std::string path = section.empty() ? foreign.name : concat(section, '.', foreign.name);
            if (is_own(foreign, section, path) || !given.has(foreign.name)) continue;
            if (!foreign.key.empty() && has(root, foreign.key))
                throw ConfigError(concat("'", path, "' is another name of '", foreign.key, "'; give only one of them"));
            std::string value;
            given.value(foreign.name, value, "");
            const std::string ours = translated(foreign, path, value);
            if (!ours.empty()) document.set(concat(foreign.key, '=', ours));
            if (foreign.name == "distributed") names.distributed = lower_case(value) == "true";
            names.accepted.insert(path);
        }
    }
    return names;
}

std::string foreign_keys_as_markdown() {
    std::string table =
        "Names of other programs are understood too, in the sections `training`, `train` and `data` and at top "
        "level:\n\n"
        "| name | here |\n|---|---|\n";
    for (const auto& foreign : foreign_keys()) {
        std::vector<std::string> parts;
        if (!foreign.meaning.empty()) parts.push_back(foreign.meaning);
        if (!foreign.key.empty() && foreign.words.empty()) parts.push_back(concat('`', foreign.key, '`'));
        for (const auto& [word, own] : foreign.words)
            if (!foreign.key.empty()) parts.push_back(concat('`', word, "`: ", ours_of(foreign, own)));
        for (const auto& [value, reason] : foreign.refused)
            parts.push_back(concat(value == "*" ? "" : concat('`', value, "` is "), "refused: ", reason));
        table += concat("| `", foreign.name, "` | ", core::join(parts, "; "), " |\n");
    }
    return table;
}

}  // namespace vox::app
