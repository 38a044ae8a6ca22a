#include "tasks/synthesis_preview.hpp"

#include <ATen/TensorOperators.h>

#include <utility>
#include <vector>

#include "report/slices.hpp"

namespace vox::tasks {

report::Image draw_synthesis(const data::Sample& sample, const GeneratedChannel& generated, const at::Tensor& truth,
                             const SynthesisFacts& facts) {
    std::vector<std::pair<std::string, at::Tensor>> volumes;
    // Panels are windowed over what is not 0, and -1 is the dark end here.
    const auto add = [&](const std::string& title, const at::Tensor& values) {
        volumes.emplace_back(title, ((values + 1) / 2).to(at::kFloat).contiguous());
    };
    for (const int64_t c : available_channels(*sample.info))
        if (c != generated.channel) add(facts.channels[static_cast<size_t>(c)], sample.image[c]);
    const auto& name = facts.channels[static_cast<size_t>(generated.channel)];
    add(name, facts.from_intensities(truth, generated.channel));
    add("generated " + name, generated.mean);
    if (generated.standard_deviation.defined()) add("standard deviation", generated.standard_deviation * 2 - 1);

    const at::Tensor foreground = generated.foreground.to(at::kByte).contiguous();
    report::Preview preview;
    preview.size = sample.info->size();
    preview.spacing_mm = sample.info->spacing_mm;
    for (const auto& [title, values] : volumes)
        preview.panels.push_back({title, {values.const_data_ptr<float>(), static_cast<size_t>(values.numel())}, {}});
    preview.centre = report::most_labelled_slices(
        {foreground.const_data_ptr<uint8_t>(), static_cast<size_t>(foreground.numel())}, preview.size);
    return report::draw_preview(preview);
}

}  // namespace vox::tasks
