#pragma once
// What a rank's MPI and GPU are and have left, for people who want to know before they train.

#include <cstdint>
#include <string>

namespace vox::comm {

/// "MPI_THREAD_MULTIPLE", ...: what MPI was started with; "not started" in a process without MPI.
std::string mpi_thread_level();
/// True where this MPI says that it sends GPU memory by itself.  Nothing here needs it: GPU tensors go over NCCL, or through the host.
bool mpi_is_cuda_aware();

/// One GPU of this process.
struct GpuFacts {
    std::string name;
    int major = 0, minor = 0;  // compute capability
    int64_t free_bytes = 0, total_bytes = 0;
};

/// Of GPU number `index`; it becomes this process's current one.  Throws ConfigError where the driver does not answer.
GpuFacts gpu_facts(int index);

}  // namespace vox::comm
