#pragma once

#include <c10/core/Device.h>

#include <cstdint>

namespace vox::train {

/// The most host memory this process has had resident so far, in bytes.
int64_t peak_host_bytes();

/// The most GPU memory that tensors of this process have taken so far, in bytes; 0 for the CPU.
int64_t peak_device_bytes(at::Device device);

}  // namespace vox::train
