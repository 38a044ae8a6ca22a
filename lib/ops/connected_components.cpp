#include "ops/connected_components.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <limits>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::ops {
namespace {

struct Offset {
    int64_t d, h, w, step;  // step: in the array
};

// The neighbours that come before a voxel in raster order: looking back is enough to meet every pair once.
std::vector<Offset> earlier_neighbours(Connectivity connectivity, int64_t height, int64_t width) {
    const int axes = connectivity == Connectivity::faces ? 1 : connectivity == Connectivity::edges ? 2 : 3;
    std::vector<Offset> offsets;
    for (int64_t d = -1; d <= 0; ++d)
        for (int64_t h = -1; h <= 1; ++h)
            for (int64_t w = -1; w <= 1; ++w) {
                const auto step = (d * height + h) * width + w;
                const bool earlier = d < 0 || (d == 0 && (h < 0 || (h == 0 && w < 0)));
                if (earlier && (d != 0) + (h != 0) + (w != 0) <= axes) offsets.push_back({d, h, w, step});
            }
    return offsets;
}

// Voxels in disjoint sets, each with its first voxel in raster order as root.
class DisjointSets {
public:
    explicit DisjointSets(int32_t* parents) : parents_(parents) {}
    int32_t root(int32_t voxel) {
        while (parents_[voxel] != voxel) voxel = parents_[voxel] = parents_[parents_[voxel]];
        return voxel;
    }
    void join(int32_t a, int32_t b) {
        const int32_t first = root(a), second = root(b);
        parents_[std::max(first, second)] = std::min(first, second);
    }

private:
    int32_t* parents_;
};

void check_label_map(const at::Tensor& label_map) {
    core::check(label_map.dim() == 3 && label_map.scalar_type() == at::kByte &&
                    label_map.numel() < std::numeric_limits<int32_t>::max(),
                core::concat("connected components: [", core::join(label_map.sizes()), "] of type ",
                             at::toString(label_map.scalar_type()), ", and it has to be [D,H,W] uint8"));
}

// Joins each voxel that is not 0 with those of its neighbours that have its value.
void join_neighbours(const uint8_t* value, at::IntArrayRef size, Connectivity connectivity, int32_t* parents) {
    const auto offsets = earlier_neighbours(connectivity, size[1], size[2]);
    DisjointSets sets(parents);
    int32_t at = 0;
    for (int64_t d = 0; d < size[0]; ++d)
        for (int64_t h = 0; h < size[1]; ++h)
            for (int64_t w = 0; w < size[2]; ++w, ++at) {
                if (value[at] == 0) continue;
                parents[at] = at;
                for (const auto& to : offsets) {
                    const bool inside =
                        d + to.d >= 0 && h + to.h >= 0 && h + to.h < size[1] && w + to.w >= 0 && w + to.w < size[2];
                    const auto other = static_cast<int32_t>(at + to.step);
                    if (inside && value[other] == value[at]) sets.join(other, at);
                }
            }
}

}  // namespace

Connectivity connectivity(int64_t neighbours) {
    for (const auto known : {Connectivity::faces, Connectivity::edges, Connectivity::corners})
        if (neighbours == static_cast<int64_t>(known)) return known;
    throw core::ConfigError(
        core::concat("a voxel has no ", neighbours, " neighbours; 6 share a face, 18 also an edge, 26 also a corner"));
}

Components connected_components(const at::Tensor& label_map, Connectivity connectivity) {
    check_label_map(label_map);
    const auto map = label_map.to(at::kCPU).contiguous();
    const auto* value = map.const_data_ptr<uint8_t>();
    Components components{at::empty(map.sizes(), at::kInt), {}, {}};
    auto* number = components.number.mutable_data_ptr<int32_t>();
    join_neighbours(value, map.sizes(), connectivity, number);
    // In raster order a parent comes before its child, so that parents can give way to numbers in place: what an entry
    // refers to is a number already.
    for (int64_t at = 0; at < map.numel(); ++at) {
        if (value[at] == 0) {
            number[at] = 0;
        } else if (number[at] == at) {
            components.voxels.push_back(1);
            components.value.push_back(value[at]);
            number[at] = static_cast<int32_t>(components.voxels.size());
        } else {
            number[at] = number[number[at]];
            ++components.voxels[static_cast<size_t>(number[at] - 1)];
        }
    }
    return components;
}

at::Tensor keep_largest_component(const at::Tensor& label_map, const std::vector<uint8_t>& values,
                                  Connectivity connectivity) {
    const auto components = connected_components(label_map, connectivity);
    const size_t count = components.voxels.size();
    std::array<size_t, 256> largest;
    largest.fill(count);
    for (size_t n = 0; n < count; ++n) {
        auto& best = largest[components.value[n]];
        if (best == count || components.voxels[n] > components.voxels[best]) best = n;
    }
    std::vector<bool> stays(count + 1, true);
    for (size_t n = 0; n < count; ++n)
        stays[n + 1] =
            largest[components.value[n]] == n || std::ranges::find(values, components.value[n]) == values.end();

    auto kept = label_map.to(at::kCPU).contiguous().clone();
    auto* voxel = kept.mutable_data_ptr<uint8_t>();
    const auto* number = components.number.const_data_ptr<int32_t>();
    for (int64_t at = 0; at < kept.numel(); ++at)
        if (!stays[static_cast<size_t>(number[at])]) voxel[at] = 0;
    return kept.to(label_map.device());
}

}  // namespace vox::ops
