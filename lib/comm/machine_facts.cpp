#include "comm/machine_facts.hpp"

#include <cuda_runtime.h>
#include <mpi.h>
#if defined(OPEN_MPI)
#include <mpi-ext.h>
#endif

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::comm {
namespace {

void cuda_check(cudaError_t result, int index, const char* what) {
    if (result == cudaSuccess) return;
    throw core::ConfigError(core::concat("GPU ", index, " does not answer (", what, ": ", cudaGetErrorString(result),
                                         ").  Check nvidia-smi, or use comm.device: cpu."));
}

}  // namespace

std::string mpi_thread_level() {
    int started = 0;
    MPI_Initialized(&started);
    if (!started) return "not started";
    int level = MPI_THREAD_SINGLE;
    MPI_Query_thread(&level);
    if (level == MPI_THREAD_MULTIPLE) return "MPI_THREAD_MULTIPLE";
    if (level == MPI_THREAD_SERIALIZED) return "MPI_THREAD_SERIALIZED";
    return level == MPI_THREAD_FUNNELED ? "MPI_THREAD_FUNNELED" : "MPI_THREAD_SINGLE";
}

bool mpi_is_cuda_aware() {
#if defined(MPIX_CUDA_AWARE_SUPPORT) && MPIX_CUDA_AWARE_SUPPORT
    return MPIX_Query_cuda_support() == 1;
#else
    return false;
#endif
}

GpuFacts gpu_facts(int index) {
    cuda_check(cudaSetDevice(index), index, "cudaSetDevice");
    cudaDeviceProp properties{};
    cuda_check(cudaGetDeviceProperties(&properties, index), index, "cudaGetDeviceProperties");
    size_t free_bytes = 0, total_bytes = 0;
    cuda_check(cudaMemGetInfo(&free_bytes, &total_bytes), index, "cudaMemGetInfo");
    return {properties.name, properties.major, properties.minor, static_cast<int64_t>(free_bytes),
            static_cast<int64_t>(total_bytes)};
}

}  // namespace vox::comm
