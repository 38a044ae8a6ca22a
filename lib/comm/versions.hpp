#pragma once

#include <string>

namespace vox::comm {

/// Versions of the libraries that this process runs with.  Any time, before MPI is started too.
std::string mpi_version();
std::string nccl_version();
std::string cuda_version();

}  // namespace vox::comm
