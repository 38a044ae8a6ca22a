#include <algorithm>
#include <map>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/case_data.hpp"
#include "data/colours.hpp"
#include "data/npy.hpp"

namespace vox::data {
namespace {

/// What a case lacks: 0 on the grid of what it has.
NiftiImage nothing_like(const NiftiImage& image) {
    NiftiImage nothing = image;
    std::fill(nothing.voxels.begin(), nothing.voxels.end(), std::byte{0});
    nothing.scl_slope = 1;
    nothing.scl_inter = 0;
    return nothing;
}

}  // namespace

void accept_missing(CaseFiles& files, const std::vector<std::string>& wanted, int64_t most) {
    const auto count = std::ssize(files.missing);
    if (count == 0 || count > most || count >= std::ssize(wanted)) return;
    std::vector<CaseFiles::Channel> all;
    for (const auto& name : wanted) {
        const auto found = std::ranges::find(files.channels, name, &CaseFiles::Channel::name);
        all.push_back(found == files.channels.end() ? CaseFiles::Channel{name, {}} : *found);
    }
    files.channels = std::move(all);
    files.problem.clear();
}

std::vector<NamedVolume> read_channels(const CaseFiles& files, const core::Double3& spacing_mm) {
    std::vector<NamedVolume> channels;
    std::map<std::filesystem::path, std::vector<NiftiImage>> read;  // a 4-D file holds several channels: once is enough
    for (const auto& channel : files.channels) {
        if (channel.file.empty()) {
            channels.push_back({channel.name, {}});
            continue;
        }
        if (channel.file.extension() == ".npy") {
            channels.push_back({channel.name, read_npy_volume(channel.file, spacing_mm)});
            continue;
        }
        if (channel.volume < 0) {
            channels.push_back({channel.name, read_nifti(channel.file)});
            continue;
        }
        auto& volumes = read[channel.file];
        if (volumes.empty()) {
            volumes = is_picture(channel.file) ? read_picture_volumes(channel.file, channel.volumes)
                                               : read_nifti_channels(channel.file);
        }
        if (static_cast<int64_t>(volumes.size()) != channel.volumes) {
            throw core::DataError(core::concat(channel.file.string(), ": holds ", volumes.size(), " channels where ",
                                               channel.volumes, " are expected"));
        }
        channels.push_back({channel.name, std::move(volumes[static_cast<size_t>(channel.volume)])});
    }
    const auto there = std::ranges::find_if(channels, [](const NamedVolume& one) { return !one.image.voxels.empty(); });
    core::check(there != channels.end(), "a case without a channel was to be read");
    for (size_t c = 0; c < channels.size(); ++c)
        if (files.channels[c].file.empty()) channels[c].image = nothing_like(there->image);
    return channels;
}

}  // namespace vox::data
