#include "infer/lesion_candidates.hpp"

#include <ATen/ops/max_pool3d.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <array>
#include <functional>

#include "core/error.hpp"
#include "core/text.hpp"
#include "ops/connected_components.hpp"

namespace vox::infer {
namespace {

/// What a threshold leaves.
struct Blobs {
    ops::Components components;    // of all sizes
    std::vector<float> peak;  // of component n + 1: its highest probability; 0 where it is too small
};

Blobs blobs_of(const at::Tensor& probabilities, float threshold, int64_t min_voxels) {
    Blobs blobs{ops::connected_components(probabilities.ge(threshold).logical_and_(probabilities.gt(0)).to(at::kByte),
                                          ops::Connectivity::corners),
                {}};
    blobs.peak.resize(blobs.components.voxels.size());
    const auto* number = blobs.components.number.const_data_ptr<int32_t>();
    const auto* probability = probabilities.const_data_ptr<float>();
    for (int64_t at = 0; at < probabilities.numel(); ++at) {
        if (number[at] == 0 || blobs.components.voxels[static_cast<size_t>(number[at] - 1)] <= min_voxels) continue;
        auto& peak = blobs.peak[static_cast<size_t>(number[at] - 1)];
        peak = std::max(peak, probability[at]);
    }
    return blobs;
}

/// mask [D,H,W] bool: with all 26 neighbours of its voxels.
at::Tensor grown(const at::Tensor& mask) {
    return at::max_pool3d(mask.to(at::kFloat).unsqueeze(0), {3, 3, 3}, {1, 1, 1}, {1, 1, 1}).squeeze(0).gt(0);
}

LesionCandidates above_threshold(const at::Tensor& probabilities, const LesionCandidateOptions& options) {
    const auto blobs = blobs_of(probabilities, static_cast<float>(options.threshold), options.min_voxels);
    LesionCandidates found{at::zeros_like(blobs.components.number), {}};
    std::vector<int32_t> renumbered(blobs.peak.size() + 1, 0);
    for (size_t n = 0; n < blobs.peak.size(); ++n) {
        if (blobs.peak[n] == 0) continue;
        found.confidence.push_back(blobs.peak[n]);
        renumbered[n + 1] = static_cast<int32_t>(found.confidence.size());
    }
    const auto* from = blobs.components.number.const_data_ptr<int32_t>();
    auto* to = found.number.mutable_data_ptr<int32_t>();
    for (int64_t at = 0; at < found.number.numel(); ++at) to[at] = renumbered[static_cast<size_t>(from[at])];
    return found;
}

/// One component above a threshold: its voxels as flat indices, in no order.
using Voxels = std::vector<int64_t>;

/// Components around given voxels, without a look at the rest of the volume.
class Flood {
public:
    Flood(const at::Tensor& map, float threshold)
        : size_{map.size(0), map.size(1), map.size(2)},
          value_(map.const_data_ptr<float>()),
          threshold_(threshold),
          seen_(static_cast<size_t>(map.numel()), false) {}

    bool has_seen(int64_t voxel) const { return seen_[static_cast<size_t>(voxel)]; }

    Voxels around(int64_t first) {
        Voxels found;
        visit(first, found);
        for (size_t next = 0; next < found.size(); ++next) {
            const int64_t at = found[next], w = at % size_[2], h = at / size_[2] % size_[1],
                          d = at / (size_[2] * size_[1]);
            for (int64_t z = std::max<int64_t>(d - 1, 0); z <= std::min(d + 1, size_[0] - 1); ++z)
                for (int64_t y = std::max<int64_t>(h - 1, 0); y <= std::min(h + 1, size_[1] - 1); ++y)
                    for (int64_t x = std::max<int64_t>(w - 1, 0); x <= std::min(w + 1, size_[2] - 1); ++x)
                        visit((z * size_[1] + y) * size_[2] + x, found);
        }
        return found;
    }

private:
    void visit(int64_t voxel, Voxels& found) {
        if (seen_[static_cast<size_t>(voxel)] || value_[voxel] < threshold_ || value_[voxel] == 0) return;
        seen_[static_cast<size_t>(voxel)] = true;
        found.push_back(voxel);
    }

    std::array<int64_t, 3> size_;
    const float* value_;
    float threshold_;
    std::vector<bool> seen_;
};

/// The components of more than `min_voxels` voxels that hold the map's maximum, in raster order of their first voxels.
std::vector<Voxels> blobs_with(float highest, const at::Tensor& map, float threshold, int64_t min_voxels) {
    const auto* value = map.const_data_ptr<float>();
    Flood flood(map, threshold);
    std::vector<Voxels> blobs;
    for (int64_t at = 0; at < map.numel(); ++at) {
        if (value[at] != highest || flood.has_seen(at)) continue;
        auto blob = flood.around(at);
        if (static_cast<int64_t>(blob.size()) > min_voxels) blobs.push_back(std::move(blob));
    }
    std::ranges::sort(blobs, {}, [](const Voxels& blob) { return std::ranges::min(blob); });
    return blobs;
}

/// All components of more than `min_voxels` voxels, highest peak first, equal ones in raster order.
std::vector<Voxels> all_blobs(const at::Tensor& map, float threshold, int64_t min_voxels) {
    const auto blobs = blobs_of(map, threshold, min_voxels);
    std::vector<Voxels> voxels(blobs.peak.size());
    const auto* number = blobs.components.number.const_data_ptr<int32_t>();
    for (int64_t at = 0; at < map.numel(); ++at)
        if (number[at] > 0) voxels[static_cast<size_t>(number[at] - 1)].push_back(at);
    std::vector<size_t> order;
    for (size_t n = 0; n < voxels.size(); ++n)
        if (blobs.peak[n] > 0) order.push_back(n);
    std::ranges::stable_sort(order, std::greater<>(), [&](size_t n) { return blobs.peak[n]; });
    std::vector<Voxels> sorted;
    for (const size_t n : order) sorted.push_back(std::move(voxels[n]));
    return sorted;
}

/// Candidates so far, and what is left of the map.
class Extraction {
public:
    explicit Extraction(const at::Tensor& probabilities)
        : found{at::zeros(probabilities.sizes(), at::kInt), {}},
          left(probabilities.clone()),
          taken_(at::zeros(probabilities.sizes(), at::kBool)) {}

    /// Out of the map; among the candidates where it touches none of them.
    void take(const Voxels& blob) {
        auto* value = left.mutable_data_ptr<float>();
        const auto* is_taken = taken_.const_data_ptr<bool>();
        const bool alone = std::ranges::none_of(blob, [&](int64_t at) { return is_taken[at]; });
        if (alone) {
            float peak = 0;
            for (const int64_t at : blob) peak = std::max(peak, value[at]);
            found.confidence.push_back(peak);
            const auto mine = static_cast<int32_t>(found.confidence.size());
            auto* number = found.number.mutable_data_ptr<int32_t>();
            for (const int64_t at : blob) number[at] = mine;
            taken_.logical_or_(grown(found.number.eq(mine)));
        }
        for (const int64_t at : blob) value[at] = 0;
    }

    LesionCandidates found;
    at::Tensor left;

private:
    at::Tensor taken_;  // candidates, and what touches them
};

/// As long as the map's maximum stays, so do the threshold and the components: they are taken together.
LesionCandidates one_after_the_other(const at::Tensor& probabilities, const LesionCandidateOptions& options) {
    Extraction extraction(probabilities);
    while (extraction.found.confidence.size() < options.most) {
        const float highest = extraction.left.max().item<float>();
        if (highest < static_cast<float>(options.least_peak)) break;
        const float threshold = highest / static_cast<float>(options.factor);
        auto blobs = blobs_with(highest, extraction.left, threshold, options.min_voxels);
        const bool only_small =
            blobs.empty();  // hold the maximum: the next lower ones come, then all of this height goes
        if (only_small) blobs = all_blobs(extraction.left, threshold, options.min_voxels);
        for (const auto& blob : blobs) {
            if (extraction.found.confidence.size() == options.most) return extraction.found;
            extraction.take(blob);
        }
        if (only_small) extraction.left.masked_fill_(extraction.left.gt(threshold), 0);
    }
    return extraction.found;
}

}  // namespace

LesionCandidates lesion_candidates(const at::Tensor& probabilities, const LesionCandidateOptions& options) {
    core::check(probabilities.dim() == 3,
                core::concat("lesion candidates: [", core::join(probabilities.sizes()), "] is not [D,H,W]"));
    const auto map = probabilities.to(at::kCPU, at::kFloat).contiguous();
    if (map.numel() == 0) return {at::zeros(map.sizes(), at::kInt), {}};
    return options.threshold > 0 ? above_threshold(map, options) : one_after_the_other(map, options);
}

}  // namespace vox::infer
