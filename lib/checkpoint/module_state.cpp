#include <torch/nn/module.h>

#include "checkpoint/named_tensors.hpp"

namespace vox::checkpoint {

NamedTensors module_parameters(const torch::nn::Module& module) {
    NamedTensors result;
    for (const auto& item : module.named_parameters()) result.push_back({item.key(), item.value()});
    return result;
}

NamedTensors module_buffers(const torch::nn::Module& module) {
    NamedTensors result;
    for (const auto& item : module.named_buffers()) result.push_back({item.key(), item.value()});
    return result;
}

NamedTensors module_state(const torch::nn::Module& module) {
    NamedTensors result = module_parameters(module);
    for (auto& buffer : module_buffers(module)) result.push_back(std::move(buffer));
    return result;
}

}  // namespace vox::checkpoint
