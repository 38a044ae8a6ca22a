#include "tasks/regions.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::tasks {
namespace {

std::vector<std::string> split_text(const std::string& text) {
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
    return parts;
}

/// Every bit of the number.
std::string exact_text(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.17g", value);
    return text;
}

data::CommonGrid grid_from_texts(const std::map<std::string, std::string>& texts) {
    const auto reference = texts.find("grid_reference"), spacing = texts.find("grid_spacing_mm");
    if (reference == texts.end() || spacing == texts.end()) return {};
    data::CommonGrid grid{reference->second, {}};
    const auto parts = split_text(spacing->second);
    if (parts.size() != grid.spacing_mm.size())
        throw core::DataError("the checkpoint's grid_spacing_mm is not three numbers: " + spacing->second);
    for (size_t axis = 0; axis < parts.size(); ++axis)
        grid.spacing_mm[axis] = std::strtod(parts[axis].c_str(), nullptr);
    return grid;
}

const std::string& text_of(const std::map<std::string, std::string>& texts, const std::string& name) {
    const auto found = texts.find(name);
    if (found == texts.end())
        throw core::DataError("the checkpoint does not say '" + name + "': it was not written by a segmentation run");
    return found->second;
}

}  // namespace

std::map<std::string, std::string> SegmentationFacts::to_texts() const {
    std::map<std::string, std::string> texts{{"label_scheme", scheme.name},
                                             {"label_values", core::join(scheme.values, ",")},
                                             {"inactive_regions", core::join(inactive_names(), ",")},
                                             {"channels", core::join(channels, ",")},
                                             {"outputs", exclusive ? "softmax" : "sigmoid"}};
    if (common_grid.reference.empty()) return texts;
    std::vector<std::string> spacing;
    for (const double mm : common_grid.spacing_mm) spacing.push_back(exact_text(mm));
    texts["grid_reference"] = common_grid.reference;
    texts["grid_spacing_mm"] = core::join(spacing, ",");
    return texts;
}

SegmentationFacts SegmentationFacts::from_texts(const std::map<std::string, std::string>& texts) {
    SegmentationFacts facts;
    const auto& name = text_of(texts, "label_scheme");
    if (name == "generic") {
        std::set<int> values;
        for (const auto& value : split_text(text_of(texts, "label_values"))) values.insert(std::stoi(value));
        facts.scheme = data::generic_scheme(values);
    } else {
        facts.scheme = data::label_scheme(name);
    }
    const auto inactive = split_text(text_of(texts, "inactive_regions"));
    for (const auto& region : facts.scheme.regions)
        facts.active.push_back(std::ranges::find(inactive, region.name) == inactive.end());
    facts.channels = split_text(text_of(texts, "channels"));
    const auto outputs = texts.find("outputs");  // runs from before there were classes do not say
    facts.exclusive = outputs != texts.end() && outputs->second == "softmax";
    facts.common_grid = grid_from_texts(texts);
    return facts;
}

std::vector<std::string> SegmentationFacts::inactive_names() const {
    std::vector<std::string> names;
    for (size_t k = 0; k < active.size(); ++k) {
        if (!active[k]) names.push_back(scheme.regions[k].name);
    }
    return names;
}

SegmentationFacts learnable_regions(const data::ShardReader& reader, bool exclusive) {
    SegmentationFacts facts{reader.scheme(), {}, reader.channel_names(), exclusive, reader.common_grid()};
    if (exclusive && !data::regions_exclude(facts.scheme))
        throw core::ConfigError(
            core::concat("loss.name is a loss of exclusive classes, but the regions of label scheme '",
                         facts.scheme.name, "' overlap: a voxel can be of several; use dice_sigmoid"));
    for (const auto& region : facts.scheme.regions) {
        const auto has_voxels = [&](size_t index) {
            const auto& info = reader.cases()[index];
            return std::ranges::any_of(region.values, [&](int value) {
                const auto found = info.label_voxels.find(value);
                return found != info.label_voxels.end() && found->second > 0;
            });
        };
        facts.active.push_back(std::ranges::any_of(reader.split("train"), has_voxels));
    }
    for (const size_t index : reader.split("train")) {
        if (!reader.cases()[index].has_label)
            throw core::DataError(core::concat("training case ", reader.cases()[index].id,
                                               " has no label; segmentation needs a label for every training case"));
    }
    if (facts.inactive_names().size() == facts.active.size())
        throw core::DataError("no training case has a labelled voxel: there is nothing to segment");
    return facts;
}

}  // namespace vox::tasks
