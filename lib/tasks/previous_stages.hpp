#pragma once

#include <string>
#include <vector>

#include "nn/xray_cascade.hpp"
#include "tasks/task_config.hpp"
#include "tasks/xray_to_ct_facts.hpp"

namespace vox::tasks {

/// Any rank, no communication: fills the stages of `cascade` before the last with the best weights of config.xray_to_ct.previous_run,
/// and returns their objectives; none for the first stage.  Throws ConfigError where the run is not named, or named for the first
/// stage; DataError where it is no run of the stage before, or its networks, views, window or noise are not what `config` and
/// `facts` say.
std::vector<std::string> take_previous_stages(nn::XrayCascade& cascade, const TaskConfig& config,
                                              const XrayToCtFacts& facts);

}  // namespace vox::tasks
