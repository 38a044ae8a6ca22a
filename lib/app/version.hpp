#pragma once

#include <string>

namespace vox::app {

/// "0.1.0 (a1b2c3d)": what checkpoints record.
std::string program_version();

/// What --version prints: own version, and those of LibTorch, CUDA, NCCL, MPI and HDF5, a line each.
std::string version_text(const std::string& program);

}  // namespace vox::app
