#include "train/cpu_capability.hpp"

#include <ATen/Version.h>

namespace vox::train {

std::string cpu_capability() { return at::get_cpu_capability(); }

}  // namespace vox::train
