#pragma once

#include <string>

#include "core/error.hpp"
#include "tasks/task_config.hpp"

namespace vox::test {

/// Why the sections of tasks cannot be taken out of a configuration; an empty text where they can.
inline std::string refusal_of_configuration(const std::string& yaml) {
    auto document = config::Document::parse(yaml, "test.yaml");
    auto root = document.root();
    tasks::TaskConfig config;
    try {
        config.read(root);
        config.check_effect(document.keys());
    } catch (const core::ConfigError& error) {
        return error.what();
    }
    return "";
}

}  // namespace vox::test
