#include "metrics/lesion_detection.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/error.hpp"
#include "core/text.hpp"
#include "metrics/assignment.hpp"

namespace vox::metrics {
namespace {

/// Voxels of lesions (rows, with 0 for none) that candidates (columns) hold.
struct Overlaps {
    std::vector<std::vector<int64_t>> voxels;
    int64_t lesion_voxels(size_t lesion) const {
        int64_t sum = 0;
        for (const int64_t n : voxels[lesion]) sum += n;
        return sum;
    }
    int64_t candidate_voxels(size_t candidate) const {
        int64_t sum = 0;
        for (const auto& row : voxels) sum += row[candidate];
        return sum;
    }
};

Overlaps count_overlaps(const at::Tensor& candidates, size_t candidate_count, const at::Tensor& lesions) {
    core::check(candidates.dim() == 3 && candidates.sizes() == lesions.sizes() &&
                    candidates.scalar_type() == at::kInt && lesions.scalar_type() == at::kInt,
                core::concat("lesions: candidates [", core::join(candidates.sizes()), "] and lesions [",
                             core::join(lesions.sizes()), "] have to be [D,H,W] int32"));
    const auto c = candidates.contiguous(), l = lesions.contiguous();
    const auto* candidate = c.const_data_ptr<int32_t>();
    const auto* lesion = l.const_data_ptr<int32_t>();
    int32_t lesion_count = 0;
    for (int64_t at = 0; at < l.numel(); ++at) {
        lesion_count = std::max(lesion_count, lesion[at]);
        core::check(candidate[at] >= 0 && static_cast<size_t>(candidate[at]) <= candidate_count && lesion[at] >= 0,
                    "lesions: a candidate without a confidence");
    }
    Overlaps overlaps{std::vector(static_cast<size_t>(lesion_count) + 1, std::vector<int64_t>(candidate_count + 1, 0))};
    for (int64_t at = 0; at < l.numel(); ++at)
        ++overlaps.voxels[static_cast<size_t>(lesion[at])][static_cast<size_t>(candidate[at])];
    return overlaps;
}

/// [lesion][candidate] 1 + intersection over union where that is enough, else 0; without the 0 of both.
std::vector<std::vector<double>> gains_of(const Overlaps& overlaps, double min_overlap) {
    std::vector<std::vector<double>> gain;
    std::vector<int64_t> size;
    for (size_t c = 1; c < overlaps.voxels.front().size(); ++c) size.push_back(overlaps.candidate_voxels(c));
    for (size_t l = 1; l < overlaps.voxels.size(); ++l) {
        const int64_t lesion = overlaps.lesion_voxels(l);
        auto& row = gain.emplace_back(size.size(), 0.0);
        for (size_t c = 0; c < size.size(); ++c) {
            const int64_t both = overlaps.voxels[l][c + 1];
            const double overlap = static_cast<double>(both) / static_cast<double>(size[c] + lesion - both);
            if (both > 0 && overlap >= min_overlap) row[c] = 1 + overlap;
        }
    }
    return gain;
}

}  // namespace

CaseDetections match_lesions(const at::Tensor& candidates, std::span<const double> confidences,
                             const at::Tensor& lesions, double min_overlap) {
    const auto gain = gains_of(count_overlaps(candidates, confidences.size(), lesions), min_overlap);
    CaseDetections result;
    std::vector<size_t> near;  // candidates that overlap enough with any lesion
    for (size_t c = 0; c < confidences.size(); ++c) {
        result.confidence = std::max(result.confidence, confidences[c]);
        if (std::ranges::any_of(gain, [&](const auto& row) { return row[c] > 0; }))
            near.push_back(c);
        else
            result.false_alarms.push_back(confidences[c]);
    }
    // The others cannot be matched; as many empty columns as rows, so that each row finds a place.
    std::vector<std::vector<double>> table;
    for (const auto& row : gain) {
        auto& short_row = table.emplace_back(near.size() + gain.size(), 0.0);
        for (size_t n = 0; n < near.size(); ++n) short_row[n] = row[near[n]];
    }
    const auto column = best_assignment(table);
    for (size_t l = 0; l < gain.size(); ++l) {
        if (table[l][column[l]] > 0)
            result.hits.push_back(confidences[near[column[l]]]);
        else
            ++result.missed;
    }
    return result;
}

double average_precision(std::span<const CaseDetections> cases) {
    struct Count {
        double hits = 0, false_alarms = 0;
    };
    std::map<double, Count, std::greater<>> by_confidence;
    double lesions = 0;
    for (const auto& one : cases) {
        for (const double confidence : one.hits) ++by_confidence[confidence].hits;
        for (const double confidence : one.false_alarms) ++by_confidence[confidence].false_alarms;
        lesions += static_cast<double>(one.hits.size()) + static_cast<double>(one.missed);
    }
    if (lesions == 0) return std::nan("");
    double area = 0, hits = 0, all = 0;
    for (const auto& [confidence, count] : by_confidence) {
        hits += count.hits;
        all += count.hits + count.false_alarms;
        area += hits / all * count.hits / lesions;
    }
    return area;
}

double case_auroc(std::span<const CaseDetections> cases) {
    double area = 0, pairs = 0;
    const auto has_lesion = [](const CaseDetections& one) { return !one.hits.empty() || one.missed > 0; };
    for (const auto& with : cases) {
        if (!has_lesion(with)) continue;
        for (const auto& without : cases) {
            if (has_lesion(without)) continue;
            ++pairs;
            area += with.confidence > without.confidence ? 1 : with.confidence == without.confidence ? 0.5 : 0;
        }
    }
    return pairs > 0 ? area / pairs : std::nan("");
}

}  // namespace vox::metrics
