#include "data/label_scheme.hpp"

#include <algorithm>
#include <numeric>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::data {
namespace {

using core::concat;

/// The four BraTS schemes differ only in which value means which tissue.
LabelScheme brats(std::string name, std::set<int> tumour_core, std::set<int> whole_tumour, int enhancing) {
    return {std::move(name), whole_tumour, {{"TC", std::move(tumour_core)}, {"WT", whole_tumour}, {"ET", {enhancing}}}};
}

const std::vector<LabelScheme>& schemes() {
    static const std::vector<LabelScheme> kSchemes{
        brats("brats2020", {1, 4}, {1, 2, 4}, 4),
        brats("brats2023", {1, 3}, {1, 2, 3}, 3),
        brats("msd_brats", {2, 3}, {1, 2, 3}, 3),
        brats("brats2013", {1, 3, 4}, {1, 2, 3, 4}, 4),
        {"prostate158_anatomy", {1, 2}, {{"TZ", {1}}, {"PZ", {2}}}},
        {"prostate_pz_tz", {1, 2}, {{"TZ", {2}}, {"PZ", {1}}}},
        {"prostate158_tumor", {1}, {{"tumor", {1}}}},
    };
    return kSchemes;
}

bool inside(const Region& inner, const Region& outer) {
    return inner.values.size() < outer.values.size() &&
           std::includes(outer.values.begin(), outer.values.end(), inner.values.begin(), inner.values.end());
}

}  // namespace

LabelScheme label_scheme(const std::string& name) {
    for (const auto& scheme : schemes()) {
        if (scheme.name == name) return scheme;
    }
    throw core::DataError(
        concat("unknown label scheme '", name, "'.  Known are ", core::join(label_scheme_names()), "."));
}

std::vector<std::string> label_scheme_names() {
    std::vector<std::string> names;
    for (const auto& scheme : schemes()) names.push_back(scheme.name);
    return names;
}

std::optional<LabelTranslation> label_translation(const std::string& name) {
    if (name == "prostate_pz_tz") return LabelTranslation{"prostate158_anatomy", {{1, 2}, {2, 1}}};
    return std::nullopt;
}

LabelScheme generic_scheme(const std::set<int>& values) {
    LabelScheme scheme{"generic", {}, {}};
    for (const int value : values) {
        if (value == 0) continue;
        scheme.values.insert(value);
        scheme.regions.push_back({concat("label_", value), {value}});
    }
    return scheme;
}

LabelScheme prompted_scheme() {
    LabelScheme scheme{"prompted", {}, {}};
    for (int value = 1; value <= 255; ++value) scheme.values.insert(value);
    scheme.regions.push_back({"target", scheme.values});
    return scheme;
}

bool regions_exclude(const LabelScheme& scheme) {
    std::set<int> seen;
    return std::all_of(scheme.regions.begin(), scheme.regions.end(), [&](const Region& region) {
        return region.values.size() == 1 && seen.insert(*region.values.begin()).second;
    });
}

std::vector<PaintStep> paint_order(const LabelScheme& scheme) {
    const auto& regions = scheme.regions;
    std::vector<size_t> order(regions.size());
    std::iota(order.begin(), order.end(), size_t{0});
    // An outer region has more values than any region inside it.
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return regions[a].values.size() > regions[b].values.size(); });
    std::vector<PaintStep> steps;
    for (const size_t index : order) {
        std::set<int> own = regions[index].values;
        for (const auto& other : regions) {
            if (!inside(other, regions[index])) continue;
            for (const int value : other.values) own.erase(value);
        }
        if (own.empty() || *own.begin() < 0 || *own.begin() > 255) {
            throw core::DataError(concat("label scheme '", scheme.name, "': region ", regions[index].name,
                                         " has no value of its own (0-255) to write"));
        }
        steps.push_back({index, static_cast<uint8_t>(*own.begin())});
    }
    return steps;
}

}  // namespace vox::data
