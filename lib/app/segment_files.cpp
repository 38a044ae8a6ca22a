#include "app/segment_files.hpp"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <functional>

#include "core/activity.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/case_data.hpp"
#include "data/case_grid.hpp"
#include "data/durable_file.hpp"
#include "data/loader.hpp"
#include "data/transforms.hpp"

namespace vox::app {
namespace {

namespace fs = std::filesystem;
using core::concat;
using core::DataError;

/// The label map [D,H,W] of a case, on the grid of its files.
void write_label_map(const fs::path& file, const data::CaseInfo& info, const at::Tensor& label_map) {
    const at::Tensor labels = label_map.contiguous();
    data::write_nifti(
        file, data::restore_label_map(info, {labels.const_data_ptr<uint8_t>(), static_cast<size_t>(labels.numel())}));
}

/// The model's channels among a case's files, in the model's order.
data::CaseFiles choose_channels(const data::CaseFiles& files, const std::vector<std::string>& wanted) {
    data::CaseFiles chosen{files.id, {}, {}, {}};
    for (const auto& name : wanted) {
        const auto found = std::ranges::find(files.channels, name, &data::CaseFiles::Channel::name);
        if (found == files.channels.end())
            throw DataError(concat("case ", files.id, " has no ", name, "; the model needs ", core::join(wanted),
                                   files.problem.empty() ? "" : concat(" (", files.problem, ")")));
        chosen.channels.push_back(*found);
    }
    return chosen;
}

std::vector<data::CaseFiles> list_cases(const fs::path& input, const std::vector<std::string>& wanted) {
    std::vector<data::CaseFiles> cases;
    for (const auto& files : data::list_for_model(input, wanted).cases) cases.push_back(choose_channels(files, wanted));
    return cases;
}

/// Rank 0, before any case: the folder takes files, and no input can be overwritten by its own label map.
void make_output(const fs::path& input, const fs::path& output) {
    data::make_output_folder(output);
    if (fs::equivalent(input, output))
        throw core::UsageError(concat("--output is the input folder ", input.string(), "; give another one"));
}

void say_scheme(const data::LabelScheme& scheme) {
    std::string regions;
    for (const auto& region : scheme.regions)
        regions += concat(regions.empty() ? "" : "; ", region.name, " = ", core::join(region.values, "+"));
    core::log::info("label maps hold the values of the training data's scheme ", scheme.name, ": ", regions);
}

bool mine(size_t index, const comm::World& world) {
    return static_cast<int>(index % static_cast<size_t>(world.size())) == world.rank();
}

/// Every case on its rank.  A case whose files are damaged does not keep the others from their result; all such cases are
/// named at the end.
void segment_all(comm::World& world, const std::vector<std::string>& ids, const std::function<void(size_t)>& segment) {
    std::string own;
    world.together("segmenting", [&] {
        for (size_t i = 0; i < ids.size(); ++i) {
            if (!mine(i, world)) continue;
            const core::Activity activity(concat("case ", ids[i]));
            try {
                segment(i);
                core::log::info("segmented ", ids[i]);
            } catch (const DataError& error) {
                core::log::warning("no label map for case ", ids[i], ": ", error.what());
                own += concat("\n  case ", ids[i], ": ", error.what());
            }
        }
    });
    const auto failed = core::join(world.gather(own), "");
    world.on_root("segmenting", [&] {
        if (failed.empty()) return;
        throw DataError(concat(std::ranges::count(failed, '\n'), " of ", ids.size(),
                               " cases have no label map; the others have theirs:", failed));
    });
}

}  // namespace

void segment_case(const data::CaseFiles& input, tasks::TrainedSegmentation& trained, const fs::path& output_file) {
    const auto volumes = data::read_channels(input);
    const auto made = data::build_resampled_case(input.id, volumes, nullptr, trained.predictor->facts().common_grid);
    const data::CaseInfo& info = made.info;
    auto values = data::image_values(made);
    const at::Tensor image = at::from_blob(values.data(), info.shape, at::kFloat);
    const data::CaseInfo* infos[] = {&info};
    const auto method = data::normalisation(trained.config.data.normalisation);
    const data::Sample sample{&info, data::normalise(image.unsqueeze(0), infos, method).squeeze(0), {}};
    write_label_map(output_file, info, trained.predictor->predict(sample).label_map);
}

size_t segment_folder(comm::World& world, const fs::path& input, const fs::path& output,
                      tasks::TrainedSegmentation& trained) {
    const auto& facts = trained.predictor->facts();
    std::vector<data::CaseFiles> cases;
    world.together("listing cases", [&] { cases = list_cases(input, facts.channels); });
    world.on_root("making the output folder", [&] { make_output(input, output); });
    say_scheme(facts.scheme);
    std::vector<std::string> ids;
    for (const auto& files : cases) ids.push_back(files.id);
    segment_all(world, ids, [&](size_t i) { segment_case(cases[i], trained, output / (ids[i] + ".nii.gz")); });
    return cases.size();
}

size_t segment_shards(comm::World& world, const fs::path& shards, const fs::path& output,
                      tasks::TrainedSegmentation& trained) {
    const auto& facts = trained.predictor->facts();
    std::unique_ptr<data::ShardReader> reader;
    world.together("opening shards", [&] {
        reader = std::make_unique<data::ShardReader>(shards);
        check_channels(*reader, shards, facts);
    });
    world.on_root("making the output folder", [&] { make_output(shards, output); });
    say_scheme(facts.scheme);
    std::vector<std::string> ids;
    for (const auto& info : reader->cases()) ids.push_back(info.id);
    const auto method = data::normalisation(trained.config.data.normalisation);
    segment_all(world, ids, [&](size_t i) {
        const auto sample = data::load_case(*reader, i, method);
        write_label_map(output / (ids[i] + ".nii.gz"), *sample.info, trained.predictor->predict(sample).label_map);
    });
    return ids.size();
}

void check_channels(const data::ShardReader& reader, const fs::path& shards, const tasks::SegmentationFacts& facts) {
    if (reader.channel_names() != facts.channels)
        throw DataError(concat(shards.string(), " has the channels ", core::join(reader.channel_names()),
                               ", the model was trained on ", core::join(facts.channels)));
}

}  // namespace vox::app
