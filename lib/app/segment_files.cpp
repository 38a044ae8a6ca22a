#include "app/segment_files.hpp"

#include "core/log.hpp"
#include "core/text.hpp"
#include "data/case_grid.hpp"

namespace vox::app {
namespace {

using core::concat;

/// The label map [D,H,W] of a case, on the grid of its files.
void write_label_map(const std::filesystem::path& file, const data::CaseInfo& info, const at::Tensor& label_map) {
    const at::Tensor labels = label_map.contiguous();
    data::write_nifti(
        file, data::restore_label_map(info, {labels.const_data_ptr<uint8_t>(), static_cast<size_t>(labels.numel())}));
}

void say_scheme(const data::LabelScheme& scheme) {
    std::string regions;
    for (const auto& region : scheme.regions)
        regions += concat(regions.empty() ? "" : "; ", region.name, " = ", core::join(region.values, "+"));
    core::log::info("label maps hold the values of the training data's scheme ", scheme.name, ": ", regions);
}

}  // namespace

size_t segment_cases(comm::World& world, const ResultFolders& folders, tasks::SegmentationPredictor& predictor,
                     const data::Intensities& intensities) {
    const auto& facts = predictor.facts();
    const InputCases cases(
        world, folders,
        {.channels = facts.channels, .may_lack = 0, .grid = facts.common_grid, .intensities = intensities});
    say_scheme(facts.scheme);
    cases.each(world, {"segmenting", "segmented", "label map"}, [&](const data::Sample& sample) {
        write_label_map(folders.output / (sample.info->id + ".nii.gz"), *sample.info,
                        predictor.predict(sample).label_map);
    });
    return cases.size();
}

}  // namespace vox::app
