#include "app/segment_files.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/case_data.hpp"
#include "data/durable_file.hpp"
#include "data/loader.hpp"
#include "data/orientation.hpp"
#include "data/transforms.hpp"

namespace vox::app {
namespace {

namespace fs = std::filesystem;
using core::concat;
using core::DataError;

/// [C,D,H,W] float32 in RAS, after slope and intercept.
at::Tensor ras_image(const std::vector<data::NamedVolume>& volumes, const data::CaseInfo& info) {
    const auto size = info.size();
    const at::Tensor image = at::empty({static_cast<int64_t>(volumes.size()), size[0], size[1], size[2]}, at::kFloat);
    for (size_t c = 0; c < volumes.size(); ++c) {
        const auto& source = volumes[c].image;
        const auto values = source.scaled();
        const auto ras = data::to_ras(std::as_bytes(std::span(values)), source.size, sizeof(float),
                                      data::orientation_of(source.affine()));
        std::memcpy(image[static_cast<int64_t>(c)].data_ptr<float>(), ras.data(), ras.size());
    }
    return image;
}

/// The label map [D,H,W] in RAS on the grid of a source file.
data::NiftiImage on_source_grid(const at::Tensor& label_map, const core::Index3& size,
                                const data::NiftiGeometry& geometry) {
    data::NiftiImage image;
    image.size = size;
    image.type = data::VoxelType::uint8;
    image.geometry = geometry;
    const at::Tensor labels = label_map.contiguous();
    const std::span values(labels.const_data_ptr<uint8_t>(), static_cast<size_t>(labels.numel()));
    image.voxels = data::from_ras(std::as_bytes(values), size, 1, data::orientation_of(image.affine()));
    return image;
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
    const data::CaseInfo info = data::build_case(input.id, volumes, nullptr).info;
    const data::CaseInfo* infos[] = {&info};
    const auto method = data::normalisation(trained.config.data.normalisation);
    const data::Sample sample{
        &info, data::normalise(ras_image(volumes, info).unsqueeze(0), infos, method).squeeze(0), {}};
    const auto prediction = trained.predictor->predict(sample);
    const auto& first = volumes.front().image;
    data::write_nifti(output_file, on_source_grid(prediction.label_map, first.size, first.geometry));
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
        const auto& source = sample.info->sources.front();
        const auto prediction = trained.predictor->predict(sample);
        data::write_nifti(output / (ids[i] + ".nii.gz"),
                          on_source_grid(prediction.label_map, source.size, source.geometry));
    });
    return ids.size();
}

void check_channels(const data::ShardReader& reader, const fs::path& shards, const tasks::SegmentationFacts& facts) {
    if (reader.channel_names() != facts.channels)
        throw DataError(concat(shards.string(), " has the channels ", core::join(reader.channel_names()),
                               ", the model was trained on ", core::join(facts.channels)));
}

}  // namespace vox::app
