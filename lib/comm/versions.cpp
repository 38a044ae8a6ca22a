#include "comm/versions.hpp"

#include <cuda_runtime_api.h>
#include <mpi.h>
#include <nccl.h>

#include "core/text.hpp"

namespace vox::comm {

std::string mpi_version() {
    char text[MPI_MAX_LIBRARY_VERSION_STRING] = {};
    int length = 0;
    MPI_Get_library_version(text, &length);
    const std::string all(text, static_cast<size_t>(length));
    return all.substr(0, all.find_first_of(",\n"));
}

std::string nccl_version() {
    int version = 0;
    if (ncclGetVersion(&version) != ncclSuccess) return "unknown";
    return core::concat(version / 10000, '.', version / 100 % 100, '.', version % 100);
}

std::string cuda_version() {
    int version = 0;
    if (cudaRuntimeGetVersion(&version) != cudaSuccess) return "unknown";
    return core::concat(version / 1000, '.', version / 10 % 100);
}

}  // namespace vox::comm
