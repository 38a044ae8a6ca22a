#include "app/run_config.hpp"

#include <optional>
#include <set>

#include "app/foreign_cascade.hpp"
#include "app/foreign_keys.hpp"
#include "app/foreign_options.hpp"
#include "core/log.hpp"
#include "core/text.hpp"

namespace vox::app {
namespace {

namespace options = boost::program_options;

/// Names that start with VOX_ and are no configuration keys.
const std::vector<std::string> kNoKeys{"VOX_SOURCE_DIR", "VOX_BUILD_DIR", "VOX_PYTHON", "VOX_FAULT"};

/// The text of an option that not every program has.
std::optional<std::string> option(const Arguments& arguments, const char* name) {
    if (!arguments.count(name)) return std::nullopt;
    return arguments[name].as<std::string>();
}

void check_only_one(const Arguments& arguments, const char* name, const char* other) {
    if (arguments.count(name) && arguments.count(other))
        throw core::UsageError(core::concat("--", other, " is another name of --", name, "; give only one of them"));
}

/// A switch that is given; not every program has every one.
bool is_on(const Arguments& arguments, const char* name) { return arguments.count(name) && arguments[name].as<bool>(); }

/// The same configuration without the foreign names: what a run writes down.
RunConfig in_own_words(const RunConfig& config, const std::set<std::string>& foreign) {
    config::Document document;
    for (const auto& key : config.keys)
        if (!foreign.contains(key.path)) document.set(core::concat(key.path, '=', key.value));
    RunConfig own;
    own.read(document);
    return own;
}

/// The data set that a file names where the command line names none.
std::filesystem::path shards_of(const std::string& dataset_path, const std::string& task) {
    if (!std::filesystem::exists(std::filesystem::path(dataset_path) / "dataset.json"))
        throw core::ConfigError(core::concat("'dataset_path: ", dataset_path,
                                             "' cannot be followed: there is no dataset.json of shards; "
                                             "'convert_dataset --layout ",
                                             task == "xray_to_ct" ? "xray_ct" : "LAYOUT", " --input ", dataset_path,
                                             " --output SHARDS' makes them once, and --data SHARDS names them"));
    return dataset_path;
}

}  // namespace

void RunConfig::read(config::Document& document) {
    auto root = document.root();
    task.read(root);
    train.read(root.section("train", "the optimization"));
    auto run_section = root.section("run", "the folder that a run writes into");
    run_options.read(run_section);
    auto checkpoint_section = root.section("checkpoint", "what is saved, and what a start goes on from");
    checkpoint.read(checkpoint_section);
    auto comm_section = root.section("comm", "how ranks exchange tensors");
    comm.read(comm_section);
    document.finish();
    resolved_yaml = document.resolved_yaml();
    keys = document.keys();
    task.check_effect(keys);
}

options::options_description configuration_options() {
    options::options_description table("Options");
    auto add = table.add_options();
    add("config", options::value<std::string>(), "configuration file (.yaml or .json)");
    add("data", options::value<std::string>(), "folder of shards that convert_dataset wrote");
    add("set", options::value<std::vector<std::string>>()->composing(),
        "key=value: overrides one key, may be repeated");
    return table;
}

options::options_description training_options() {
    options::options_description table = configuration_options();
    auto add = table.add_options();
    add("run", options::value<std::string>(),
        "folder that the run writes into, and goes on from; run.if_exists: what else, where it is there");
    add("resume", options::value<std::string>(), "auto | none | a checkpoint: overrides checkpoint.resume");
    add("resume_from", options::value<std::string>(),
        "another name of --resume, or of xray_to_ct.previous_run where stage 2 or 3 trains and that is not given");
    add("init-from", options::value<std::string>(),
        "a .safetensors file, a checkpoint or a run whose weights a new run starts from: overrides train.init_from");
    add("checkpoint_dir", options::value<std::string>(), "another name of --run: checkpoints lie in its checkpoints/");
    add("dry-run", options::bool_switch(), "check configuration, data and model, print the arithmetic, and end");
    add("debug", options::bool_switch(),
        "ten steps on the first two cases, each logged and each checking that all numbers are finite and "
        "that all ranks hold the same weights: train.steps, train.log_every, train.detect_anomaly, "
        "train.replica_check_every, data.max_cases");
    add("list-keys", options::bool_switch(), "print every configuration key with default and meaning, and end");
    return table;
}

RunConfig read_run_config(const Arguments& arguments, const std::string& default_yaml,
                          const std::string& default_name) {
    auto document = arguments.count("config") ? config::Document::load(arguments["config"].as<std::string>())
                                              : config::Document::parse(default_yaml, default_name);
    document.set_from_environment(kNoKeys);
    if (is_on(arguments, "debug")) {
        for (const char* one : {"train.steps=10", "train.epochs=0", "train.log_every=1", "train.replica_check_every=1",
                                "train.detect_anomaly=true", "data.max_cases=2"})
            document.set(one);
        core::log::set_level(core::log::Level::debug);
    }
    check_only_one(arguments, "resume", "resume_from");
    check_only_one(arguments, "run", "checkpoint_dir");
    if (const auto resume = option(arguments, "resume")) document.set("checkpoint.resume=" + *resume);
    if (const auto weights = option(arguments, "init-from")) document.set("train.init_from=" + *weights);
    if (arguments.count("set"))
        for (const auto& assignment : arguments["set"].as<std::vector<std::string>>()) document.set(assignment);
    set_foreign_options(arguments, document);
    const auto foreign = accept_foreign_keys(document);
    const auto resume_from = option(arguments, "resume_from");
    if (resume_from) {
        accept_resume_from(document, *resume_from, /*from_command_line=*/true);
    } else if (foreign.resume_from) {
        accept_resume_from(document, *foreign.resume_from, /*from_command_line=*/false);
    }
    RunConfig config;
    config.read(document);
    if (!foreign.accepted.empty() || resume_from) config = in_own_words(config, foreign.accepted);
    config.distributed = foreign.distributed;
    config.wandb_project = foreign.wandb_project;
    if (const auto shards = option(arguments, "data")) {
        config.shards = *shards;
    } else if (foreign.shards) {
        config.shards = shards_of(*foreign.shards, config.task.task);
    }
    for (const char* name : {"run", "checkpoint_dir"})
        if (const auto run = option(arguments, name)) config.run = *run;
    config.dry_run = is_on(arguments, "dry-run");
    return config;
}

std::string keys_as_markdown() {
    auto document = config::Document::parse("train: {steps: 1000}", "defaults");
    RunConfig config;
    config.read(document);
    std::string table = "| key | default | type | meaning |\n|---|---|---|---|\n";
    for (const auto& key : config.keys) {
        std::string type = key.type;
        for (size_t at = 0; (at = type.find('|', at)) != std::string::npos; at += 2) type.replace(at, 1, "\\|");
        table += core::concat("| `", key.path, "` | `", key.default_value, "` | ", type, " | ", key.doc, " |\n");
    }
    return table;
}

}  // namespace vox::app
