#include "infer/largest_regions.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"
#include "infer/compose_labels.hpp"

namespace vox::infer {
namespace {

bool is_within_another(const data::Region& region, const data::LabelScheme& scheme) {
    return std::ranges::any_of(scheme.regions, [&](const data::Region& other) {
        return other.values.size() > region.values.size() && std::ranges::includes(other.values, region.values);
    });
}

bool is_meant(const std::string& text, const data::Region& region) {
    return region.name == text || (region.values.size() == 1 && std::to_string(*region.values.begin()) == text);
}

}  // namespace

std::vector<size_t> regions_to_clean(const std::vector<std::string>& wanted, const data::LabelScheme& scheme) {
    std::vector<std::string> allowed;
    for (const auto& region : scheme.regions)
        if (!is_within_another(region, scheme)) allowed.push_back(region.name);
    std::vector<size_t> regions;
    for (const auto& text : wanted) {
        const auto found =
            std::ranges::find_if(scheme.regions, [&](const auto& region) { return is_meant(text, region); });
        if (found == scheme.regions.end())
            throw core::ConfigError(core::concat("infer.keep_largest: ", scheme.name, " has no region '", text,
                                                 "'; there are: ", core::join(allowed)));
        if (is_within_another(*found, scheme))
            throw core::ConfigError(core::concat("infer.keep_largest: ", found->name,
                                                 " lies within another region, where removed parts would leave holes; ",
                                                 "there are: ", core::join(allowed)));
        regions.push_back(static_cast<size_t>(found - scheme.regions.begin()));
    }
    return regions;
}

at::Tensor keep_largest_regions(const at::Tensor& label_map, const data::LabelScheme& scheme,
                                const std::vector<size_t>& regions, ops::Connectivity connectivity) {
    if (regions.empty()) return label_map;
    const auto masks = region_masks(label_map, scheme).to(at::kByte);  // [K,D,H,W]
    auto kept = label_map.clone();
    for (const size_t index : regions) {
        const auto mask = masks[static_cast<int64_t>(index)];
        kept.masked_fill_(mask.ne(ops::keep_largest_component(mask, {1}, connectivity)), 0);
    }
    return kept;
}

}  // namespace vox::infer
