#include "app/segment_files.hpp"

#include "app/result_files.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/case_grid.hpp"
#include "data/loader.hpp"

namespace vox::app {
namespace {

namespace fs = std::filesystem;
using core::concat;

const ResultWords kWords{"segmenting", "segmented", "label map"};

/// The label map [D,H,W] of a case, on the grid of its files.
void write_label_map(const fs::path& file, const data::CaseInfo& info, const at::Tensor& label_map) {
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

size_t segment_folder(comm::World& world, const fs::path& input, const fs::path& output, const Segmenter& segmenter) {
    const auto& facts = segmenter.predictor.facts();
    std::vector<data::CaseFiles> cases;
    std::vector<std::string> ids;
    world.together("listing cases", [&] {
        for (const auto& files : data::list_for_model(input, facts.channels).cases) {
            cases.push_back(choose_channels(files, facts.channels));
            ids.push_back(files.id);
        }
    });
    world.on_root("making the output folder", [&] { make_output(input, output); });
    say_scheme(facts.scheme);
    make_each(world, ids, kWords, [&](size_t i) {
        const auto one = read_file_case(cases[i], facts.common_grid, segmenter.intensities);
        write_label_map(output / (ids[i] + ".nii.gz"), one->data.info,
                        segmenter.predictor.predict(one->sample).label_map);
    });
    return cases.size();
}

size_t segment_shards(comm::World& world, const fs::path& shards, const fs::path& output, const Segmenter& segmenter) {
    const auto& facts = segmenter.predictor.facts();
    std::unique_ptr<data::ShardReader> reader;
    world.together("opening shards", [&] {
        reader = std::make_unique<data::ShardReader>(shards);
        check_channels(*reader, shards, facts.channels);
    });
    world.on_root("making the output folder", [&] { make_output(shards, output); });
    say_scheme(facts.scheme);
    std::vector<std::string> ids;
    for (const auto& info : reader->cases()) ids.push_back(info.id);
    make_each(world, ids, kWords, [&](size_t i) {
        const auto sample = data::load_case(*reader, i, segmenter.intensities);
        write_label_map(output / (ids[i] + ".nii.gz"), *sample.info, segmenter.predictor.predict(sample).label_map);
    });
    return ids.size();
}

}  // namespace vox::app
