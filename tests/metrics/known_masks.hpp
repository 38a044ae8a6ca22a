#pragma once
// Masks that tools/golden/surface_distance.py makes by the same formula.

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>

#include <array>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/geometry.hpp"
#include "support/golden.hpp"

namespace vox::test {

inline void add_ellipsoid(at::Tensor& mask, const core::Double3& centre, const core::Double3& radii) {
    auto* voxel = mask.mutable_data_ptr<bool>();
    const auto scaled = [&](int64_t x, size_t axis) { return (static_cast<double>(x) - centre[axis]) / radii[axis]; };
    for (int64_t d = 0, at = 0; d < mask.size(0); ++d)
        for (int64_t h = 0; h < mask.size(1); ++h)
            for (int64_t w = 0; w < mask.size(2); ++w, ++at) {
                const double x = scaled(d, 0), y = scaled(h, 1), z = scaled(w, 2);
                voxel[at] |= x * x + y * y + z * z <= 1;
            }
}

inline void add_box(at::Tensor& mask, const core::Box& box) {
    mask.narrow(0, box.start[0], box.size[0])
        .narrow(1, box.start[1], box.size[1])
        .narrow(2, box.start[2], box.size[2])
        .fill_(true);
}

/// Bool, [D,H,W]: the union of the parts.
inline at::Tensor mask_of(const std::vector<int64_t>& size, const nlohmann::json& parts) {
    auto mask = at::zeros(size, at::kBool);
    for (const auto& part : parts) {
        if (part.contains("centre")) {
            add_ellipsoid(mask, part.at("centre").get<core::Double3>(), part.at("radii").get<core::Double3>());
        } else if (part.contains("start")) {
            add_box(mask, {part.at("start").get<core::Index3>(), part.at("size").get<core::Index3>()});
        } else {
            mask.logical_or_(uniform(size, part.at("stream").get<uint32_t>()).lt(part.at("below").get<double>()));
        }
    }
    return mask;
}

}  // namespace vox::test
