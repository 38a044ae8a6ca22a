#include "tasks/segmentation_preview.hpp"

#include "core/text.hpp"
#include "report/slices.hpp"

namespace vox::tasks {

report::Image draw_case(const data::Sample& sample, const at::Tensor& prediction, const SegmentationFacts& facts) {
    const at::Tensor image = sample.image.to(at::kFloat).contiguous();
    const at::Tensor truth = sample.label.contiguous(), predicted = prediction.contiguous();
    const auto voxels = static_cast<size_t>(truth.numel());
    const auto channel = [&](size_t c) {
        return std::span<const float>(image.const_data_ptr<float>() + c * voxels, voxels);
    };
    const auto labels = [&](const at::Tensor& map) {
        return std::span<const uint8_t>(map.const_data_ptr<uint8_t>(), voxels);
    };
    report::Preview preview;
    preview.size = sample.info->size();
    preview.spacing_mm = sample.info->spacing_mm;
    for (size_t c = 0; c < facts.channels.size(); ++c) preview.panels.push_back({facts.channels[c], channel(c), {}});
    const size_t background = facts.channels.size() - 1;
    preview.panels.push_back({"truth", channel(background), labels(truth)});
    preview.panels.push_back({"prediction", channel(background), labels(predicted)});
    const int most = facts.scheme.values.empty() ? 0 : *facts.scheme.values.rbegin();
    for (int value = 1; value <= most; ++value) preview.label_names.push_back(core::concat("label ", value));
    preview.centre = report::most_labelled_slices(labels(truth), preview.size);
    return report::draw_preview(preview);
}

}  // namespace vox::tasks
