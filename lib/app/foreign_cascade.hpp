#pragma once
// What other programs' configurations say of a cascade from X-rays to CT, in keys of ours.

#include <set>
#include <string>

#include "config/section.hpp"

namespace vox::app {

/// Called by accept_foreign_keys: gives xray_to_ct.* the values of `name`, "stage_configs" or "xray_config", which `given` holds at
/// `path` of `document`, and makes the document one of task: xray_to_ct where it says no task.  Returns the paths of what it read.
/// Throws ConfigError for another task, for a key that is given in our own words too, and for stages that cannot be.
std::set<std::string> accept_cascade(config::Document& document, config::Section& given, const std::string& name,
                                     const std::string& path);

/// Called last: gives `resume_from` to the stage before (xray_to_ct.previous_run) where a later stage trains and names none, else to
/// checkpoint.resume.  What the command line says beats the file's checkpoint.resume; two words of one file are a ConfigError.
/// Throws ConfigError, or UsageError, for a file that another program wrote.
void accept_resume_from(config::Document& document, const std::string& resume_from, bool from_command_line);

}  // namespace vox::app
