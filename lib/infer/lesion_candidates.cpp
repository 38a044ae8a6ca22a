#include "infer/lesion_candidates.hpp"

#include <ATen/ops/max_pool3d.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"
#include "infer/connected_components.hpp"

namespace vox::infer {
namespace {

/// What a threshold leaves.
struct Blobs {
    Components components;    // of all sizes
    std::vector<float> peak;  // of component n + 1: its highest probability; 0 where it is too small
};

Blobs blobs_of(const at::Tensor& probabilities, float threshold, int64_t min_voxels) {
    Blobs blobs{connected_components(probabilities.ge(threshold).logical_and_(probabilities.gt(0)).to(at::kByte),
                                     Connectivity::corners),
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

LesionCandidates one_after_the_other(const at::Tensor& probabilities, const LesionCandidateOptions& options) {
    LesionCandidates found{at::zeros(probabilities.sizes(), at::kInt), {}};
    auto left = probabilities.clone();
    auto taken = at::zeros(probabilities.sizes(), at::kBool);  // candidates, and what touches them
    while (found.confidence.size() < options.most) {
        const float highest = left.max().item<float>();
        if (highest < static_cast<float>(options.least_peak)) break;
        const float threshold = highest / static_cast<float>(options.factor);
        const auto blobs = blobs_of(left, threshold, options.min_voxels);
        const auto peak = std::ranges::max_element(blobs.peak);  // the first one of equals
        if (peak == blobs.peak.end() || *peak == 0) {
            left.masked_fill_(left.gt(threshold), 0);
            continue;
        }
        const auto blob = blobs.components.number.eq(static_cast<int64_t>(peak - blobs.peak.begin()) + 1);
        if (!blob.logical_and(taken).any().item<bool>()) {
            found.confidence.push_back(*peak);
            found.number.masked_fill_(blob, static_cast<int64_t>(found.confidence.size()));
            taken.logical_or_(grown(blob));
        }
        left.masked_fill_(blob, 0);
    }
    return found;
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
