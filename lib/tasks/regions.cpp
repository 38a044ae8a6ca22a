#include "tasks/regions.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"
#include "tasks/fact_texts.hpp"

namespace vox::tasks {

std::map<std::string, std::string> SegmentationFacts::to_texts() const {
    std::map<std::string, std::string> texts{{"label_scheme", scheme.name},
                                             {"label_values", core::join(scheme.values, ",")},
                                             {"inactive_regions", core::join(inactive_names(), ",")},
                                             {"channels", core::join(channels, ",")},
                                             {"outputs", exclusive ? "softmax" : "sigmoid"}};
    add_common_grid(texts, common_grid);
    return texts;
}

SegmentationFacts SegmentationFacts::from_texts(const std::map<std::string, std::string>& texts) {
    SegmentationFacts facts;
    const auto& name = fact_of(texts, "label_scheme", "segmentation");
    if (name == "generic") {
        std::set<int> values;
        for (const auto& value : split_text(fact_of(texts, "label_values", "segmentation")))
            values.insert(std::stoi(value));
        facts.scheme = data::generic_scheme(values);
    } else {
        facts.scheme = data::label_scheme(name);
    }
    const auto inactive = split_text(fact_of(texts, "inactive_regions", "segmentation"));
    for (const auto& region : facts.scheme.regions)
        facts.active.push_back(std::ranges::find(inactive, region.name) == inactive.end());
    facts.channels = split_text(fact_of(texts, "channels", "segmentation"));
    const auto outputs = texts.find("outputs");  // runs from before there were classes do not say
    facts.exclusive = outputs != texts.end() && outputs->second == "softmax";
    facts.common_grid = common_grid_of(texts);
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
