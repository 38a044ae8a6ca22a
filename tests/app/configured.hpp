#pragma once
// Configurations as a command line gives them.

#include <map>
#include <string>
#include <vector>

#include "app/foreign_options.hpp"
#include "app/run_config.hpp"
#include "core/error.hpp"

namespace vox::app {

/// What a command line gives; `yaml` stands for the configuration file.
inline RunConfig configured(const std::string& yaml, std::vector<std::string> words = {}) {
    Arguments arguments;
    auto table = training_options();
    table.add(foreign_options());
    boost::program_options::store(boost::program_options::command_line_parser(words).options(table).run(), arguments);
    return read_run_config(arguments, yaml, "test.yaml");
}

inline const std::string kLeast = "train: {steps: 20}";

inline std::map<std::string, std::string> values(const RunConfig& config) {
    std::map<std::string, std::string> result;
    for (const auto& key : config.keys) result[key.path] = key.value;
    return result;
}

inline std::string refusal(const std::string& yaml, const std::vector<std::string>& words = {}) {
    try {
        configured(yaml, words);
    } catch (const core::Error& error) {
        return error.what();
    }
    return "accepted";
}

}  // namespace vox::app
