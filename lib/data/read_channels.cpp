#include <map>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/case_data.hpp"

namespace vox::data {

std::vector<NamedVolume> read_channels(const CaseFiles& files) {
    std::vector<NamedVolume> channels;
    std::map<std::filesystem::path, std::vector<NiftiImage>> read;  // a 4-D file holds several channels: once is enough
    for (const auto& channel : files.channels) {
        if (channel.volume < 0) {
            channels.push_back({channel.name, read_nifti(channel.file)});
            continue;
        }
        auto& volumes = read[channel.file];
        if (volumes.empty()) volumes = read_nifti_channels(channel.file);
        if (static_cast<int64_t>(volumes.size()) != channel.volumes) {
            throw core::DataError(core::concat(channel.file.string(), ": holds ", volumes.size(), " channels where ",
                                               channel.volumes, " are expected"));
        }
        channels.push_back({channel.name, std::move(volumes[static_cast<size_t>(channel.volume)])});
    }
    return channels;
}

}  // namespace vox::data
