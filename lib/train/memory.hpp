#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <exception>
#include <string>

#include "core/error.hpp"

namespace vox::train {

/// Memory ran out in a step: what was asked for is too large for this machine.
struct OutOfMemory : core::Error {
    explicit OutOfMemory(const std::string& what, std::source_location where = std::source_location::current())
        : Error(core::ExitCode::internal, what, where) {}
};

/// Whether an allocation on host or GPU failed, whoever says so.
bool is_out_of_memory(const std::exception& error);

/// The most host memory this process has had resident so far, in bytes.
int64_t peak_host_bytes();

/// The most GPU memory that tensors of this process have taken so far, in bytes; 0 for the CPU.
int64_t peak_device_bytes(at::Device device);

}  // namespace vox::train
