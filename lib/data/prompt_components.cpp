#include "data/prompt_components.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::data {
namespace {

using core::concat;

/// What is known of a component after the first pass over the voxels, and after the second one.
struct Found {
    core::Index3 low, high{};
    core::Double3 sum{};
    double voxels = 0;
    core::Index3 inside{};
    double closest = -1;  // squared distance of `inside` to the mean

    void extend(const core::Index3& voxel) {
        voxels += 1;
        for (size_t axis = 0; axis < 3; ++axis) {
            low[axis] = std::min(low[axis], voxel[axis]);
            high[axis] = std::max(high[axis], voxel[axis] + 1);
            sum[axis] += static_cast<double>(voxel[axis]);
        }
    }
    void approach(const core::Index3& voxel) {
        double distance = 0;
        for (size_t axis = 0; axis < 3; ++axis) {
            const double off = static_cast<double>(voxel[axis]) - sum[axis] / voxels;
            distance += off * off;
        }
        if (closest >= 0 && distance >= closest) return;
        closest = distance;
        inside = voxel;
    }
};

/// visit(component from 0, voxel) of every voxel that belongs to one.
template <class Visit>
void each_voxel(std::span<const int32_t> numbers, const core::Index3& size, size_t components, const Visit& visit) {
    size_t at = 0;
    for (int64_t d = 0; d < size[0]; ++d)
        for (int64_t h = 0; h < size[1]; ++h)
            for (int64_t w = 0; w < size[2]; ++w, ++at) {
                if (numbers[at] == 0) continue;
                core::check(numbers[at] > 0 && static_cast<size_t>(numbers[at]) <= components,
                            concat("component ", numbers[at], " of ", components));
                visit(static_cast<size_t>(numbers[at] - 1), core::Index3{d, h, w});
            }
}

}  // namespace

std::vector<PromptComponent> prompt_components(std::span<const int32_t> numbers, const core::Index3& size,
                                               std::span<const std::string> structures) {
    core::check(static_cast<int64_t>(numbers.size()) == size[0] * size[1] * size[2],
                concat(numbers.size(), " voxels of a volume of ", core::join(size, " x ")));
    std::vector<Found> found(structures.size(), Found{.low = size});
    each_voxel(numbers, size, found.size(), [&](size_t n, const core::Index3& voxel) { found[n].extend(voxel); });
    each_voxel(numbers, size, found.size(), [&](size_t n, const core::Index3& voxel) { found[n].approach(voxel); });
    std::vector<PromptComponent> components;
    for (size_t n = 0; n < found.size(); ++n) {
        const auto& one = found[n];
        core::check(one.voxels > 0, concat("component ", n + 1, " of ", found.size(), " has no voxel"));
        PromptComponent component{.structure = structures[n], .box = {.start = one.low}, .inside = one.inside};
        for (size_t axis = 0; axis < 3; ++axis) component.box.size[axis] = one.high[axis] - one.low[axis];
        components.push_back(std::move(component));
    }
    return components;
}

std::vector<PromptTarget> targets_of(std::span<const PromptComponent> components, const core::Index3& size,
                                     const core::Double3& spacing_mm, PositionSpace space) {
    std::vector<PromptTarget> targets;
    for (const auto& one : components) {
        const auto position = position_of(one.box, size, spacing_mm, space);
        targets.push_back({.value = std::ssize(targets) + 1,
                           .structure = one.structure,
                           .box = one.box,
                           .inside = one.inside,
                           .position = position ? position_class(*position) : -1});
    }
    return targets;
}

}  // namespace vox::data
