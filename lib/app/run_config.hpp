#pragma once
// Everything that a training run is configured by: the composition of all modules' options.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "app/program.hpp"
#include "checkpoint/options.hpp"
#include "comm/options.hpp"
#include "report/run_choice.hpp"
#include "tasks/task_config.hpp"
#include "train/options.hpp"

namespace vox::app {

struct RunConfig {
    tasks::TaskConfig task;
    train::Options train;
    checkpoint::Options checkpoint;
    comm::Options comm;
    report::RunOptions run_options;

    std::optional<bool> distributed;  // another program's word for "more than one rank", where it was given
    std::optional<std::string> wandb_project;  // W&B was asked for, with this project or none ("")
    std::filesystem::path shards;  // --data
    std::filesystem::path run;     // --run
    bool dry_run = false;          // --dry-run
    std::string resolved_yaml;     // every key with its value and meaning
    std::vector<config::KeyRecord> keys;

    /// Takes all sections.  Throws ConfigError.
    void read(config::Document& document);
};

/// --config, --data and --set: the command line of every program that reads a configuration.
boost::program_options::options_description configuration_options();

/// The command line of the training programs: those, and what a run needs.
boost::program_options::options_description training_options();

/// Defaults < --config (or `default_yaml`) < environment VOX_* < --set, --resume, --init-from, --debug.  `arguments` are those of
/// `configuration_options`, with or without the others of `training_options`.  Throws ConfigError, DataError.
RunConfig read_run_config(const Arguments& arguments, const std::string& default_yaml, const std::string& default_name);

/// "| `train.steps` | 0 | a whole number | ... |" for each key: the table of what may be configured.
std::string keys_as_markdown();

}  // namespace vox::app
