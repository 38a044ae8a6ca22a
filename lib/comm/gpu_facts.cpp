#include "comm/gpu_facts.hpp"

#include <c10/cuda/CUDAFunctions.h>
#include <cuda_runtime.h>

#include <array>
#include <cstdio>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::comm {

int visible_gpus() { return c10::cuda::device_count(); }

std::string gpu_uuid(int index) {
    cudaDeviceProp properties{};
    const cudaError_t result = cudaGetDeviceProperties(&properties, index);
    if (result != cudaSuccess) {
        throw core::ConfigError(core::concat("cannot ask GPU ", index, " for its identity: ",
                                             cudaGetErrorString(result), ".  Check nvidia-smi, or use device: cpu."));
    }
    std::string text = "GPU-";
    for (const char byte : properties.uuid.bytes) {
        std::array<char, 4> digits{};
        std::snprintf(digits.data(), digits.size(), "%02x", static_cast<unsigned>(static_cast<unsigned char>(byte)));
        text += digits.data();
    }
    return text;
}

}  // namespace vox::comm
