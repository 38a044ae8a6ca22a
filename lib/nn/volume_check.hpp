#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace vox::nn {

/// Throws DataError, which begins with the network's `name`, unless `volume` is [B,in_channels,D,H,W] with D, H and W above 0
/// and multiples of `divisor`.  B may be 0.
void check_volume(const std::string& name, const at::Tensor& volume, int64_t in_channels, int64_t divisor);

}  // namespace vox::nn
