#include "app/segment_files.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstring>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/case_data.hpp"
#include "data/layouts.hpp"
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

/// The model's channels among a case's files.
SegmentCase choose_channels(const data::CaseFiles& files, const std::vector<std::string>& wanted) {
    SegmentCase result{files.id, {}};
    for (const auto& name : wanted) {
        const auto found = std::ranges::find(files.channels, name, &data::CaseFiles::Channel::name);
        if (found == files.channels.end())
            throw DataError(concat("case ", files.id, " has no ", name, "; the model needs ", core::join(wanted)));
        result.channels.emplace_back(name, found->file);
    }
    return result;
}

std::vector<SegmentCase> list_cases(const fs::path& input, const std::vector<std::string>& wanted) {
    data::Listing listing;
    try {
        listing = data::list_brats(input);
    } catch (const DataError&) {  // not named as BraTS does: then a folder a case, a file a channel
        listing = data::list_generic(input, wanted, "");
    }
    std::vector<SegmentCase> cases;
    for (const auto& files : listing.cases) cases.push_back(choose_channels(files, wanted));
    return cases;
}

void make_output(const fs::path& output) {
    std::error_code error;
    fs::create_directories(output, error);
    if (error || !fs::is_directory(output))
        throw core::WriteError(concat("cannot create the folder ", output.string(), ": ",
                                      error ? error.message() : "a file is in its place", "; choose another --output"));
}

bool mine(size_t index, const comm::World& world) {
    return static_cast<int>(index % static_cast<size_t>(world.size())) == world.rank();
}

}  // namespace

void segment_case(const SegmentCase& input, tasks::TrainedSegmentation& trained, const fs::path& output_file) {
    std::vector<data::NamedVolume> volumes;
    for (const auto& [name, file] : input.channels) volumes.push_back({name, data::read_nifti(file)});
    data::CaseInfo info;
    try {
        info = data::build_case(input.id, volumes, nullptr).info;
    } catch (const DataError& error) {
        throw DataError(concat("case ", input.id, ": ", error.what()));
    }
    const data::CaseInfo* infos[] = {&info};
    const auto method = data::normalisation(trained.config.data.normalisation);
    const data::Sample sample{
        &info, data::normalise(ras_image(volumes, info).unsqueeze(0), infos, method).squeeze(0), {}};
    const auto prediction = trained.predictor->predict(sample);
    const auto& first = volumes.front().image;
    data::write_nifti(output_file, on_source_grid(prediction.label_map, first.size, first.geometry));
    core::log::info("segmented ", input.id);
}

size_t segment_folder(comm::World& world, const fs::path& input, const fs::path& output,
                      tasks::TrainedSegmentation& trained) {
    std::vector<SegmentCase> cases;
    world.together("listing cases", [&] { cases = list_cases(input, trained.predictor->facts().channels); });
    world.on_root("making the output folder", [&] { make_output(output); });
    world.together("segmenting", [&] {
        for (size_t i = 0; i < cases.size(); ++i)
            if (mine(i, world)) segment_case(cases[i], trained, output / (cases[i].id + ".nii.gz"));
    });
    return cases.size();
}

size_t segment_shards(comm::World& world, const fs::path& shards, const fs::path& output,
                      tasks::TrainedSegmentation& trained) {
    std::unique_ptr<data::ShardReader> reader;
    world.together("opening shards", [&] { reader = std::make_unique<data::ShardReader>(shards); });
    world.on_root("making the output folder", [&] { make_output(output); });
    const auto method = data::normalisation(trained.config.data.normalisation);
    world.together("segmenting", [&] {
        for (size_t i = 0; i < reader->cases().size(); ++i) {
            if (!mine(i, world)) continue;
            const auto sample = data::load_case(*reader, i, method);
            const auto& source = sample.info->sources.front();
            const auto prediction = trained.predictor->predict(sample);
            data::write_nifti(output / (sample.info->id + ".nii.gz"),
                              on_source_grid(prediction.label_map, source.size, source.geometry));
            core::log::info("segmented ", sample.info->id);
        }
    });
    return reader->cases().size();
}

}  // namespace vox::app
