#pragma once

#include <string>

namespace vox::train {

/// The instruction set that ATen's CPU kernels use ("AVX2", "AVX512"): they differ in their last bits.
std::string cpu_capability();

}  // namespace vox::train
