#include "tasks/xray_to_ct_facts.hpp"

#include <ATen/TensorOperators.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"
#include "tasks/fact_texts.hpp"
#include "tasks/xray_views.hpp"

namespace vox::tasks {
namespace {

constexpr const char* kTask = "xray_to_ct";

/// The upper of two middle ones: a length that some case has.
double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::ranges::nth_element(values, middle);
    return *middle;
}

}  // namespace

std::map<std::string, std::string> XrayToCtFacts::to_texts() const {
    std::vector<std::string> names;
    names.reserve(views.size());
    for (const auto view : views) names.push_back(ops::view_name(view));
    return {{"window", exact_texts({window[0], window[1]})},
            {"views", core::join(names, ",")},
            {"view_unit", unit == loss::ViewUnit::attenuation ? "attenuation" : "none"},
            {"extent_mm", exact_texts({extent_mm.begin(), extent_mm.end()})},
            {"objectives", core::join(objectives, ",")}};
}

XrayToCtFacts XrayToCtFacts::from_texts(const std::map<std::string, std::string>& texts) {
    XrayToCtFacts facts;
    const auto window = numbers_of(fact_of(texts, "window", kTask));
    const auto extent = numbers_of(fact_of(texts, "extent_mm", kTask));
    if (window.size() != 2 || extent.size() != 3)
        throw core::DataError("the checkpoint's window and extent_mm are not two and three numbers");
    std::ranges::copy(window, facts.window.begin());
    std::ranges::copy(extent, facts.extent_mm.begin());
    for (const auto& name : split_text(fact_of(texts, "views", kTask))) facts.views.push_back(ops::view_of(name));
    facts.unit = view_unit(fact_of(texts, "view_unit", kTask));
    facts.objectives = split_text(fact_of(texts, "objectives", kTask));
    return facts;
}

at::Tensor XrayToCtFacts::to_hu(const at::Tensor& values) const { return (values + 1) * (hu_range() / 2) + window[0]; }

XrayToCtFacts xray_to_ct_facts(const data::ShardReader& reader, const std::array<double, 2>& window,
                               int64_t num_views) {
    if (reader.channel_names().size() != 1)
        throw core::DataError(core::concat("X-rays become one volume, the CT, but the shards have the channels ",
                                           core::join(reader.channel_names())));
    XrayToCtFacts facts;
    facts.window = window;
    const auto stored = data::kinds_of(reader.views());
    for (const auto view : {ops::View::ap, ops::View::lateral}) {
        if (std::ssize(facts.views) == num_views) break;
        if (std::ranges::find(stored, view) == stored.end())
            throw core::DataError(core::concat("the shards have no view '", ops::view_name(view), "' (",
                                               data::describe(reader.views()),
                                               "): convert_dataset --layout xray_ct reads X-rays, with --make-drrs "
                                               "it makes them of the CT; xray_to_ct.num_views: 1 needs ap alone"));
        facts.views.push_back(view);
    }
    facts.unit = view_unit(reader.views().unit);
    std::array<std::vector<double>, 3> extents;
    for (const size_t index : reader.split("train")) {
        const auto& info = reader.cases()[index];
        for (size_t axis = 0; axis < 3; ++axis)
            extents[axis].push_back(static_cast<double>(info.size()[axis]) * info.spacing_mm[axis]);
    }
    if (extents[0].empty()) throw core::DataError("no training cases: the split 'train' of the data set is empty");
    for (size_t axis = 0; axis < 3; ++axis) facts.extent_mm[axis] = median(extents[axis]);
    return facts;
}

}  // namespace vox::tasks
