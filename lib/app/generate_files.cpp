#include "app/generate_files.hpp"

#include "app/result_files.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/case_grid.hpp"
#include "data/loader.hpp"
#include "data/transforms.hpp"

namespace vox::app {
namespace {

namespace fs = std::filesystem;
using core::concat;

const ResultWords kWords{"generating", "generated", "volume"};

void generate_case(const fs::path& output, const data::Sample& sample, tasks::SynthesisPredictor& predictor) {
    for (const auto& volume : predictor.predict(sample).volumes)
        data::write_nifti(output / concat(sample.info->id, '_', volume.name, ".nii.gz"),
                          data::restore_volume(*sample.info, volume.values));
}

void say_windows(const tasks::SynthesisFacts& facts) {
    std::vector<std::string> windows;
    for (size_t c = 0; c < facts.channels.size(); ++c)
        windows.push_back(concat(facts.channels[c], ' ', facts.windows[c].low, " .. ", facts.windows[c].high));
    core::log::info("intensities are those of the training data: ", core::join(windows));
}

}  // namespace

size_t generate_folder(comm::World& world, const fs::path& input, const fs::path& output,
                       tasks::SynthesisPredictor& predictor) {
    const auto& facts = predictor.facts();
    std::vector<data::CaseFiles> cases;
    std::vector<std::string> ids;
    world.together("listing cases", [&] {
        for (const auto& files : data::list_for_model(input, facts.channels).cases) {
            cases.push_back(choose_channels(files, facts.channels, std::ssize(facts.channels) - 1));
            ids.push_back(files.id);
        }
    });
    world.on_root("making the output folder", [&] { make_output(input, output); });
    say_windows(predictor.facts());
    make_each(world, ids, kWords, [&](size_t i) {
        const auto one = read_file_case(cases[i], facts.common_grid, data::Normalisation::percentile);
        generate_case(output, one->sample, predictor);
    });
    return cases.size();
}

size_t generate_shards(comm::World& world, const fs::path& shards, const fs::path& output,
                       tasks::SynthesisPredictor& predictor) {
    std::unique_ptr<data::ShardReader> reader;
    world.together("opening shards", [&] {
        reader = std::make_unique<data::ShardReader>(shards);
        check_channels(*reader, shards, predictor.facts().channels);
    });
    world.on_root("making the output folder", [&] { make_output(shards, output); });
    say_windows(predictor.facts());
    std::vector<std::string> ids;
    for (const auto& info : reader->cases()) ids.push_back(info.id);
    make_each(world, ids, kWords, [&](size_t i) {
        generate_case(output, data::load_case(*reader, i, data::Normalisation::percentile), predictor);
    });
    return ids.size();
}

}  // namespace vox::app
