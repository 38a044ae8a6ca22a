#pragma once
// The cases of tools/golden/lesion_detection.py, made by the same formula.

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "metrics/known_masks.hpp"
#include "support/golden.hpp"

namespace vox::test {

struct LesionCase {
    at::Tensor probability;  // [D,H,W] float32
    at::Tensor truth;        // [D,H,W] bool
};

inline LesionCase lesion_case(const nlohmann::json& entry) {
    const auto size = entry.at("size").get<std::vector<int64_t>>();
    auto probability =
        uniform(size, entry.at("stream").get<uint32_t>()).mul(entry.at("noise").get<double>()).contiguous();
    auto* voxel = probability.mutable_data_ptr<double>();
    for (const auto& blob : entry.at("blobs")) {
        const auto centre = blob.at("centre").get<core::Double3>(), radii = blob.at("radii").get<core::Double3>();
        const double peak = blob.at("peak").get<double>();
        for (int64_t at = 0; at < probability.numel(); ++at) {
            const double d = (static_cast<double>(at / (size[1] * size[2])) - centre[0]) / radii[0];
            const double h = (static_cast<double>(at / size[2] % size[1]) - centre[1]) / radii[1];
            const double w = (static_cast<double>(at % size[2]) - centre[2]) / radii[2];
            voxel[at] = std::max(voxel[at], peak * (1 - 0.7 * (d * d + h * h + w * w)));
        }
    }
    return {probability.to(at::kFloat), mask_of(size, entry.at("lesions"))};
}

}  // namespace vox::test
