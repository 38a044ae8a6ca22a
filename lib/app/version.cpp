#include "app/version.hpp"

#include <torch/version.h>

#include "comm/versions.hpp"
#include "core/text.hpp"
#include "data/versions.hpp"

namespace vox::app {

std::string program_version() { return VOX_VERSION " (" VOX_GIT_HASH ")"; }

std::string version_text(const std::string& program) {
    return core::concat(program, " ", program_version(), "\n  LibTorch ", TORCH_VERSION, "\n  CUDA ",
                        comm::cuda_version(), "\n  NCCL ", comm::nccl_version(), "\n  MPI ", comm::mpi_version(),
                        "\n  HDF5 ", data::hdf5_version(), "\n");
}

}  // namespace vox::app
