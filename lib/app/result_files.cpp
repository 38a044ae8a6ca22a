#include "app/result_files.hpp"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <array>

#include "core/activity.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/case_grid.hpp"
#include "data/dataset_index.hpp"
#include "data/durable_file.hpp"
#include "data/loader.hpp"

namespace vox::app {
namespace {

namespace fs = std::filesystem;
using core::concat;
using core::DataError;

/// A case's channels in the order of the model's.
data::CaseFiles choose_channels(const data::CaseFiles& files, const CaseDemands& demands) {
    data::CaseFiles chosen = files;
    data::accept_missing(chosen, demands.channels, demands.may_lack);
    std::vector<data::CaseFiles::Channel> ordered;
    for (const auto& name : demands.channels) {
        const auto found = std::ranges::find(chosen.channels, name, &data::CaseFiles::Channel::name);
        if (found == chosen.channels.end())
            throw DataError(concat("case ", files.id, " has no ", name, "; the model needs ",
                                   core::join(demands.channels),
                                   files.problem.empty() ? "" : concat(" (", files.problem, ")")));
        ordered.push_back(*found);
    }
    return {files.id, std::move(ordered), {}, {}};
}

bool mine(size_t index, const comm::World& world) {
    return static_cast<int>(index % static_cast<size_t>(world.size())) == world.rank();
}

}  // namespace

InputCases::InputCases(comm::World& world, const ResultFolders& folders, CaseDemands demands)
    : demands_(std::move(demands)) {
    if (data::is_shard_folder(folders.input)) {
        world.together("opening shards", [&] {
            reader_ = std::make_unique<data::ShardReader>(folders.input);
            check_channels(*reader_, folders.input, demands_.channels);
        });
        for (const auto& info : reader_->cases()) ids_.push_back(info.id);
    } else {
        world.together("listing cases", [&] {
            for (const auto& files : data::list_for_model(folders.input, demands_.channels).cases)
                files_.push_back(choose_channels(files, demands_));
        });
        for (const auto& files : files_) ids_.push_back(files.id);
    }
    world.on_root("making the output folder", [&] { make_output(folders); });
}

void InputCases::read(size_t index, const std::function<void(const data::Sample&)>& make) const {
    if (reader_) return make(data::load_case(*reader_, index, demands_.intensities, demands_.resize));
    const auto& files = files_[index];
    const auto read = data::build_resampled_case(files.id, data::read_channels(files), nullptr, demands_.grid);
    const data::CaseInfo& info = read.info;
    auto values = data::image_values(read);
    const at::Tensor image = at::from_blob(values.data(), info.shape, at::kFloat);
    data::Sample sample{&info, image, {}};
    if (demands_.resize.any()) sample = data::resized(sample, demands_.resize);
    const std::array<const data::CaseInfo*, 1> infos{&info};
    sample.image = data::normalise(sample.image.unsqueeze(0), infos, demands_.intensities).squeeze(0);
    make(sample);
}

void InputCases::each(comm::World& world, const ResultWords& words,
                      const std::function<void(const data::Sample&)>& make) const {
    each_case(world, ids_, words, [&](size_t i) { read(i, make); });
}

void each_case(comm::World& world, const std::vector<std::string>& ids, const ResultWords& words,
               const std::function<void(size_t)>& make) {
    std::string own;
    world.together(words.doing, [&] {
        for (size_t i = 0; i < ids.size(); ++i) {
            if (!mine(i, world)) continue;
            const core::Activity activity(concat("case ", ids[i]));
            try {
                make(i);
                core::log::info(words.done, ' ', ids[i]);
            } catch (const DataError& error) {
                core::log::warning("no ", words.result, " for case ", ids[i], ": ", error.what());
                own += concat("\n  case ", ids[i], ": ", error.what());
            }
        }
    });
    const auto failed = core::join(world.gather(own), "");
    world.on_root(words.doing, [&] {
        if (failed.empty()) return;
        throw DataError(concat(std::ranges::count(failed, '\n'), " of ", ids.size(), " cases have no ", words.result,
                               "; the others have theirs:", failed));
    });
}

void make_output(const ResultFolders& folders) {
    data::make_output_folder(folders.output);
    if (fs::equivalent(folders.input, folders.output))
        throw core::UsageError(concat("--output is the input folder ", folders.input.string(), "; give another one"));
}

void write_volumes(const ResultFolders& folders, infer::Predictor& predictor, const data::Sample& sample) {
    for (const auto& volume : predictor.predict(sample).volumes)
        data::write_nifti(folders.output / concat(sample.info->id, '_', volume.name, ".nii.gz"),
                          data::restore_volume(*sample.info, volume.values));
}

void check_channels(const data::ShardReader& reader, const fs::path& shards, const std::vector<std::string>& channels) {
    if (reader.channel_names() != channels)
        throw DataError(concat(shards.string(), " has the channels ", core::join(reader.channel_names()),
                               ", the model was trained on ", core::join(channels)));
}

}  // namespace vox::app
