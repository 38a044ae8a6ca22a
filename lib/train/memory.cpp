#include "train/memory.hpp"

#include <c10/cuda/CUDACachingAllocator.h>
#include <sys/resource.h>

namespace vox::train {

int64_t peak_host_bytes() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return int64_t{usage.ru_maxrss} * 1024;
}

int64_t peak_device_bytes(at::Device device) {
    if (!device.is_cuda()) return 0;
    const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(device.index());
    return stats.allocated_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)].peak;
}

}  // namespace vox::train
