#include "data/crop.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::data {
namespace {

// Numbers of purpose crop: layer 0 says whether, which label and which voxel; layer 1 the start along each axis.
constexpr uint32_t choice_layer = 0, start_layer = 1;
enum ChoiceIndex : uint32_t { is_foreground = 0, which_label = 1, which_voxel = 2 };

core::Index3 uniform_start(const core::Index3& volume, const core::Index3& size, const ops::RandomKey& key) {
    core::Index3 start{};
    for (uint32_t axis = 0; axis < 3; ++axis) {
        const auto places = static_cast<uint32_t>(std::max<int64_t>(volume[axis] - size[axis], 0) + 1);
        start[axis] = ops::random_below(key, ops::Purpose::crop, start_layer, axis, places);
    }
    return start;
}

core::Index3 centred_start(const core::Index3& volume, const core::Index3& size, uint32_t flat) {
    const core::Index3 voxel{flat / (volume[1] * volume[2]), flat / volume[2] % volume[1], flat % volume[2]};
    core::check(voxel[0] < volume[0], core::concat("foreground voxel ", flat, " lies outside the volume"));
    core::Index3 start{};
    for (size_t axis = 0; axis < 3; ++axis) {
        const int64_t last = std::max<int64_t>(volume[axis] - size[axis], 0);
        start[axis] = std::clamp<int64_t>(voxel[axis] - size[axis] / 2, 0, last);
    }
    return start;
}

}  // namespace

Crop crop_at(const core::Index3& volume, const core::Index3& size, const core::Index3& start) {
    Crop crop;
    for (size_t axis = 0; axis < 3; ++axis) {
        const bool padded = volume[axis] < size[axis];
        crop.box.start[axis] = padded ? 0 : start[axis];
        crop.box.size[axis] = padded ? volume[axis] : size[axis];
        crop.pad_before[axis] = padded ? (size[axis] - volume[axis]) / 2 : 0;
        core::check(crop.box.start[axis] >= 0 && crop.box.start[axis] + crop.box.size[axis] <= volume[axis],
                    "a crop begins outside its volume");
    }
    return crop;
}

Crop choose_crop(const core::Index3& volume, const core::Index3& size, double foreground_ratio,
                 std::span<const ForegroundPositions> foreground, const ops::RandomKey& key) {
    std::vector<const std::vector<uint32_t>*> labels;
    for (const auto& positions : foreground) {
        if (!positions.flat.empty()) labels.push_back(&positions.flat);
    }
    const auto below = [&](ChoiceIndex index, size_t n) {
        return ops::random_below(key, ops::Purpose::crop, choice_layer, index, static_cast<uint32_t>(n));
    };
    const bool wanted = ops::random_uniform(key, ops::Purpose::crop, choice_layer, is_foreground) < foreground_ratio;
    if (!wanted || labels.empty()) return crop_at(volume, size, uniform_start(volume, size, key));
    const auto& voxels = *labels[below(which_label, labels.size())];
    return crop_at(volume, size, centred_start(volume, size, voxels[below(which_voxel, voxels.size())]));
}

Crop with_margin(const Crop& crop, const core::Index3& volume, const core::Index3& size, const core::Index3& margin) {
    Crop out;
    for (size_t axis = 0; axis < 3; ++axis) {
        const int64_t first = crop.box.start[axis] - crop.pad_before[axis] - margin[axis];
        const int64_t end = std::min(first + size[axis] + 2 * margin[axis], volume[axis]);
        out.box.start[axis] = std::max<int64_t>(first, 0);
        out.box.size[axis] = end - out.box.start[axis];
        out.pad_before[axis] = out.box.start[axis] - first;
    }
    return out;
}

core::Box inside_volume(const Crop& crop, const core::Index3& volume, const core::Index3& size,
                        const core::Index3& margin) {
    core::Box inside;
    for (size_t axis = 0; axis < 3; ++axis) {
        // Where the volume is padded, the crop begins where the padded volume does: its start is 0.
        const int64_t first = margin[axis] - crop.box.start[axis];
        const int64_t end = first + std::max(volume[axis], size[axis]);
        inside.start[axis] = std::max<int64_t>(first, 0);
        inside.size[axis] = std::min(end, size[axis] + 2 * margin[axis]) - inside.start[axis];
    }
    return inside;
}

}  // namespace vox::data
