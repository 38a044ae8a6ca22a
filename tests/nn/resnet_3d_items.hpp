#pragma once
// Narrow 3-D ResNets, and names and shapes as tools/golden/resnet_3d.py writes them.

#include <algorithm>
#include <string>
#include <vector>

#include "core/text.hpp"
#include "nn/resnet_3d.hpp"

namespace vox::nn {

inline ResNet3dOptions narrow_resnet(const std::string& architecture = "resnet18") {
    ResNet3dOptions options;
    options.architecture = architecture;
    options.block_inplanes = {4, 4, 6, 8};
    options.norm_groups = 2;
    return options;
}

/// "NAME SIZE,SIZE" of parameters and buffers, sorted.
inline std::vector<std::string> state_lines(const torch::nn::Module& module) {
    std::vector<std::string> lines;
    const auto add = [&](const auto& items) {
        for (const auto& item : items) {
            lines.push_back(core::concat(item.key(), ' ', core::join(item.value().sizes(), ",")));
        }
    };
    add(module.named_parameters());
    add(module.named_buffers());
    std::ranges::sort(lines);
    return lines;
}

}  // namespace vox::nn
