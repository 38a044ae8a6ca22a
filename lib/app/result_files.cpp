#include "app/result_files.hpp"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <array>

#include "core/activity.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/durable_file.hpp"

namespace vox::app {
namespace {

namespace fs = std::filesystem;
using core::concat;
using core::DataError;

bool mine(size_t index, const comm::World& world) {
    return static_cast<int>(index % static_cast<size_t>(world.size())) == world.rank();
}

}  // namespace

void make_output(const fs::path& input, const fs::path& output) {
    data::make_output_folder(output);
    if (fs::equivalent(input, output))
        throw core::UsageError(concat("--output is the input folder ", input.string(), "; give another one"));
}

void make_each(comm::World& world, const std::vector<std::string>& ids, const ResultWords& words,
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

data::CaseFiles choose_channels(const data::CaseFiles& files, const std::vector<std::string>& wanted,
                                int64_t may_lack) {
    data::CaseFiles chosen = files;
    data::accept_missing(chosen, wanted, may_lack);
    std::vector<data::CaseFiles::Channel> ordered;
    for (const auto& name : wanted) {
        const auto found = std::ranges::find(chosen.channels, name, &data::CaseFiles::Channel::name);
        if (found == chosen.channels.end())
            throw DataError(concat("case ", files.id, " has no ", name, "; the model needs ", core::join(wanted),
                                   files.problem.empty() ? "" : concat(" (", files.problem, ")")));
        ordered.push_back(*found);
    }
    return {files.id, std::move(ordered), {}, {}};
}

std::unique_ptr<FileCase> read_file_case(const data::CaseFiles& files, const data::CommonGrid& grid,
                                         const data::Intensities& intensities) {
    auto one = std::make_unique<FileCase>();
    one->data = data::build_resampled_case(files.id, data::read_channels(files), nullptr, grid);
    const data::CaseInfo& info = one->data.info;
    auto values = data::image_values(one->data);
    const at::Tensor image = at::from_blob(values.data(), info.shape, at::kFloat);
    const std::array<const data::CaseInfo*, 1> infos{&info};
    const auto normalised = data::normalise(image.unsqueeze(0), infos, intensities).squeeze(0);
    one->sample = {&info, normalised.clone(), {}};
    return one;
}

void check_channels(const data::ShardReader& reader, const fs::path& shards, const std::vector<std::string>& channels) {
    if (reader.channel_names() != channels)
        throw DataError(concat(shards.string(), " has the channels ", core::join(reader.channel_names()),
                               ", the model was trained on ", core::join(channels)));
}

}  // namespace vox::app
