#include "infer/compose_labels.hpp"

#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::infer {
namespace {

bool is_around(const data::Region& outer, const data::Region& inner) {
    return outer.values.size() > inner.values.size() && std::ranges::includes(outer.values, inner.values);
}

}  // namespace

at::Tensor compose_labels(const at::Tensor& probabilities, const data::LabelScheme& scheme,
                          const std::vector<bool>& active) {
    const auto& regions = scheme.regions;
    core::check(probabilities.dim() == 4 && probabilities.size(0) == static_cast<int64_t>(regions.size()) &&
                    active.size() == regions.size(),
                core::concat("label map: [", core::join(probabilities.sizes()), "] probabilities and ", active.size(),
                             " switches for the ", regions.size(), " regions of '", scheme.name, "'"));
    const auto likely = probabilities.ge(0.5);
    auto label = at::zeros(probabilities.sizes().slice(1), probabilities.options().dtype(at::kByte));
    for (const auto& step : data::paint_order(scheme)) {
        if (!active[step.region]) continue;
        auto inside = likely[static_cast<int64_t>(step.region)].clone();
        for (size_t k = 0; k < regions.size(); ++k) {
            if (active[k] && is_around(regions[k], regions[step.region]))
                inside.logical_and_(likely[static_cast<int64_t>(k)]);
        }
        label.masked_fill_(inside, step.value);
    }
    return label;
}

at::Tensor region_masks(const at::Tensor& label, const data::LabelScheme& scheme) {
    std::vector<at::Tensor> masks;
    for (const auto& region : scheme.regions) {
        auto mask = at::zeros(label.sizes(), label.options().dtype(at::kBool));
        for (const int value : region.values) mask.logical_or_(label.eq(value));
        masks.push_back(mask);
    }
    return at::stack(masks, label.dim() - 3);
}

at::Tensor labels_of_classes(const at::Tensor& scores, const data::LabelScheme& scheme,
                             const std::vector<bool>& active) {
    const auto& regions = scheme.regions;
    core::check(scores.dim() == 4 && scores.size(0) == static_cast<int64_t>(regions.size()) + 1 &&
                    active.size() == regions.size() && data::regions_exclude(scheme),
                core::concat("label map: [", core::join(scores.sizes()), "] scores and ", active.size(),
                             " switches for the background and the ", regions.size(), " exclusive regions of '",
                             scheme.name, "'"));
    std::vector<int64_t> candidates{0};  // class 0 and those of active regions
    for (size_t k = 0; k < regions.size(); ++k)
        if (active[k]) candidates.push_back(static_cast<int64_t>(k) + 1);
    std::vector<at::Tensor> compared;
    for (const int64_t c : candidates) compared.push_back(scores[c]);
    const auto winner = at::stack(compared).argmax(0);
    auto label = at::zeros(winner.sizes(), winner.options().dtype(at::kByte));
    for (size_t i = 1; i < candidates.size(); ++i)
        label.masked_fill_(winner.eq(static_cast<int64_t>(i)),
                           *regions[static_cast<size_t>(candidates[i] - 1)].values.begin());
    return label;
}

at::Tensor classes_of_labels(const at::Tensor& label, const data::LabelScheme& scheme) {
    core::check(data::regions_exclude(scheme),
                core::concat("the regions of '", scheme.name, "' do not exclude each other"));
    auto classes = at::zeros(label.sizes(), label.options().dtype(at::kLong));
    for (size_t k = 0; k < scheme.regions.size(); ++k)
        classes.masked_fill_(label.eq(*scheme.regions[k].values.begin()), static_cast<int64_t>(k) + 1);
    return classes;
}

}  // namespace vox::infer
