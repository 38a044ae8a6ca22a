#pragma once

#include <string>

namespace vox::comm {

/// GPUs that this process may use; 0 where there is no driver.
int visible_gpus();
/// "GPU-...": which piece of hardware the process's GPU number `index` is; two processes may number them differently.
std::string gpu_uuid(int index);

}  // namespace vox::comm
