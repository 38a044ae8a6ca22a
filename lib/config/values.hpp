#pragma once

#include <map>
#include <string>

namespace vox::config {

/// What a YAML text says, by path: "train.steps" to "100", "model.blocks_down" to "[1, 2]".  `name` stands for it in messages.
/// For comparing two resolved configurations; nothing is read or checked.  Throws ConfigError for what is not YAML.
std::map<std::string, std::string> values_of(const std::string& yaml, const std::string& name);

}  // namespace vox::config
