#include "app/reconstruct_files.hpp"

#include <ATen/ops/from_blob.h>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/build_views.hpp"
#include "data/dataset_index.hpp"
#include "tasks/xray_views.hpp"

namespace vox::app {
namespace {

using core::concat;
using core::DataError;

const ResultWords kWords{"making CT volumes", "made the CT of", "CT volume"};

/// The model's voxels around the origin, for X-rays without a CT.
data::CaseInfo model_grid(const std::string& id, const tasks::XrayToCtPredictor& predictor) {
    const auto& options = predictor.options();
    const auto size = options.volume_size(options.index());
    data::CaseInfo info;
    info.id = id;
    info.shape = {1, size[0], size[1], size[2]};
    info.type = data::VoxelType::float32;
    info.affine[3][3] = 1;
    for (size_t axis = 0; axis < 3; ++axis) {
        info.spacing_mm[axis] = predictor.facts().extent_mm[axis] / static_cast<double>(size[axis]);
        const size_t mm = 2 - axis;  // i, j, k are W, H, D
        info.affine[mm][mm] = info.spacing_mm[axis];
        info.affine[mm][3] = -info.spacing_mm[axis] * static_cast<double>(size[axis] - 1) / 2;
    }
    data::SourceVolume source;
    source.channel = "ct";
    source.size = {size[2], size[1], size[0]};
    source.geometry = data::geometry_from_affine(info.affine);
    info.sources = {source};
    return info;
}

/// The grid of the CT, whose voxels nobody looks at.
data::CaseInfo ct_grid(const data::CaseFiles& files) {
    return data::build_case(files.id, data::read_channels(files), nullptr).info;
}

void reconstruct_pictures(const ResultFolders& folders, tasks::XrayToCtPredictor& predictor,
                          const data::CaseFiles& files, const data::ViewOptions& options) {
    if (!files.problem.empty()) throw DataError(files.problem);
    auto pixels = data::read_views(files, options);
    auto info = files.channels.empty() ? model_grid(files.id, predictor) : ct_grid(files);
    info.views = data::views_of(files, options);
    const auto count = static_cast<int64_t>(info.views.names.size());
    const at::Tensor views = at::from_blob(pixels.data(), {count, options.size, options.size}, at::kFloat);
    write_volumes(folders, predictor, {&info, {}, {}, views});
}

void check_unit(const tasks::XrayToCtFacts& facts, const std::string& unit, const std::filesystem::path& input) {
    if (tasks::view_unit(unit) == facts.unit) return;
    const char* of_model = facts.unit == loss::ViewUnit::attenuation
                               ? "line integrals of attenuation (convert_dataset --make-drrs)"
                               : "grey values of pictures";
    throw DataError(concat("the model was trained on ", of_model, ", which the views of ", input.string(), " are not"));
}

}  // namespace

size_t reconstruct_cases(comm::World& world, const ResultFolders& folders, tasks::XrayToCtPredictor& predictor,
                         bool flip_vertical) {
    const auto& facts = predictor.facts();
    if (data::is_shard_folder(folders.input)) {
        if (flip_vertical)
            throw core::UsageError("--flip-views turns pictures; in shards views lie as they were converted");
        const InputCases cases(
            world, folders,
            {.channels = {"ct"}, .grid = {}, .intensities = {data::Normalisation::window, facts.window}});
        cases.each(world, kWords, [&](const data::Sample& sample) {
            if (!sample.info->views.empty()) check_unit(facts, sample.info->views.unit, folders.input);
            write_volumes(folders, predictor, sample);
        });
        return cases.size();
    }
    const data::ViewOptions options{
        .make = false, .size = predictor.options().network.xray.img_size, .flip_vertical = flip_vertical};
    std::vector<data::CaseFiles> cases;
    std::vector<std::string> ids;
    world.together("listing cases", [&] {
        check_unit(facts, "none", folders.input);
        cases = data::list_xray_ct(folders.input, data::XrayFiles::views).cases;
        for (const auto& one : cases) ids.push_back(one.id);
    });
    world.on_root("making the output folder", [&] { make_output(folders); });
    each_case(world, ids, kWords, [&](size_t i) { reconstruct_pictures(folders, predictor, cases[i], options); });
    return cases.size();
}

}  // namespace vox::app
