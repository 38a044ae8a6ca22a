#include "app/foreign_keys.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::app {
namespace {

bool has(config::Section section, const std::string& path) {
    const auto dot = path.find('.');
    const std::string first = path.substr(0, dot);
    if (!section.has(first)) return false;
    return dot == std::string::npos || has(section.section(first, ""), path.substr(dot + 1));
}

std::string translated(const ForeignKey& foreign, const std::string& path, const std::string& value) {
    if (foreign.words.empty()) return value;
    const auto word = foreign.words.find(value);
    if (word != foreign.words.end()) return word->second;
    std::vector<std::string> allowed;
    for (const auto& [name, meaning] : foreign.words) allowed.push_back(name);
    throw core::ConfigError(
        core::concat("'", path, "' must be one of ", core::join(allowed, " | "), ", not '", value, "'"));
}

}  // namespace

const std::vector<ForeignKey>& foreign_keys() {
    static const std::vector<ForeignKey> table{
        {"batch_size", "data.batch_size", {}},
        {"global_batch_size", "data.global_batch_size", {}},
        {"gradient_accumulation_steps", "train.accumulation", {}},
        {"accumulation_steps", "train.accumulation", {}},
        {"num_epochs", "train.epochs", {}},
        {"learning_rate", "train.optimizer.lr", {}},
        {"sync_batchnorm", "model.norm", {{"true", "sync_batch"}, {"false", ""}}},
        {"gradient_checkpointing", "model.activation_checkpointing", {}},
        {"amp", "train.precision", {{"true", "auto"}, {"false", "fp32"}}},
        {"mixed_precision", "train.precision", {{"no", "fp32"}, {"fp16", "fp16"}, {"bf16", "bf16"}}},
    };
    return table;
}

std::set<std::string> accept_foreign_keys(config::Document& document) {
    std::set<std::string> accepted;
    auto root = document.root();
    for (const char* where : {"training", "train", ""}) {
        const std::string section = where;
        if (!section.empty() && !root.has(section)) continue;
        auto given = section.empty() ? root : root.section(section, "");
        for (const auto& foreign : foreign_keys()) {
            const std::string path = section.empty() ? foreign.name : core::concat(section, '.', foreign.name);
            // train.accumulation has its other names where it is read.
            const bool known_there = section == "train" && foreign.key == "train.accumulation";
            if (known_there || !given.has(foreign.name)) continue;
            if (has(root, foreign.key))
                throw core::ConfigError(
                    core::concat("'", path, "' is another name of '", foreign.key, "'; give only one of them"));
            std::string value;
            given.value(foreign.name, value, "");
            const std::string ours = translated(foreign, path, value);
            if (!ours.empty()) document.set(core::concat(foreign.key, '=', ours));
            accepted.insert(path);
        }
    }
    return accepted;
}

}  // namespace vox::app
