#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <optional>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/colours.hpp"
#include "data/layouts.hpp"

namespace vox::data {
namespace {

namespace fs = std::filesystem;
using core::concat;
using core::DataError;

/// Case and channel number of "<id>_0002"; nothing for another stem.
std::optional<std::pair<std::string, size_t>> numbered(const std::string& stem) {
    if (stem.size() < 6 || stem[stem.size() - 5] != '_') return std::nullopt;
    const std::string digits = stem.substr(stem.size() - 4);
    if (!std::all_of(digits.begin(), digits.end(), [](unsigned char c) { return std::isdigit(c) != 0; }))
        return std::nullopt;
    return std::pair{stem.substr(0, stem.size() - 5), static_cast<size_t>(std::stoul(digits))};
}

CaseFiles from_numbers(const std::string& id, const std::map<size_t, fs::path>& files,
                       const std::vector<std::string>& channels) {
    CaseFiles one{id, {}, {}, {}};
    for (size_t c = 0; c < channels.size(); ++c) {
        if (const auto file = files.find(c); file != files.end()) {
            one.channels.push_back({channels[c], file->second, -1});
        } else {
            const std::string number = std::to_string(c);
            one.missing.push_back(channels[c]);
            one.problem = concat("missing ", channels[c], ": there is no ", id, '_',
                                 std::string(4 - std::min<size_t>(4, number.size()), '0'), number, ".nii.gz");
        }
    }
    return one;
}

CaseFiles from_whole(const std::string& id, const fs::path& file, const std::vector<std::string>& channels) {
    CaseFiles one{id, {}, {}, {}};
    const auto volumes = static_cast<int64_t>(channels.size());
    for (int64_t c = 0; c < volumes; ++c)
        one.channels.push_back({channels[static_cast<size_t>(c)], file, volumes == 1 ? -1 : c, volumes});
    return one;
}

/// imagesTs of nnU-Net (a file a channel, numbered) or of MSD (a 4-D file a case): no folders.
Listing list_flat(const fs::path& input, const std::vector<std::string>& channels) {
    std::map<std::string, std::map<size_t, fs::path>> by_number;
    std::map<std::string, CaseFiles> cases;
    for (const auto& entry : fs::directory_iterator(input)) {
        const std::string stem = entry.is_regular_file() ? volume_stem(entry.path()) : "";
        if (stem.empty()) continue;
        if (const auto parts = numbered(stem)) {
            by_number[parts->first][parts->second] = entry.path();
        } else {
            cases[stem] = from_whole(stem, entry.path(), channels);
        }
    }
    for (const auto& [id, files] : by_number) cases[id] = from_numbers(id, files, channels);
    Listing listing{channels, {}, {}};
    for (auto& [id, one] : cases) listing.cases.push_back(std::move(one));
    return listing;
}

/// Pictures, for models of their channels.
Listing list_pictures(const fs::path& input, const std::vector<std::string>& channels) {
    std::map<std::string, CaseFiles> cases;
    for (const auto& entry : fs::directory_iterator(input)) {
        if (!entry.is_regular_file() || !is_picture(entry.path())) continue;
        const std::string id = entry.path().stem().string();
        if (!cases.emplace(id, picture_case(id, entry.path(), channels)).second)
            throw DataError(concat(input.string(), ": two pictures are called ", id));
    }
    Listing listing{channels, {}, {}};
    for (auto& [id, one] : cases) listing.cases.push_back(std::move(one));
    return listing;
}

bool named_as_colours(const std::vector<std::string>& channels) {
    return channels == colour_channels(true) || channels == colour_channels(false);
}

bool named_as_brats(const std::vector<std::string>& channels) {
    constexpr std::array<std::string_view, 4> kNames{"t1", "t1ce", "t2", "flair"};
    return std::all_of(channels.begin(), channels.end(), [&](const std::string& name) {
        return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
    });
}

}  // namespace

Listing list_for_model(const fs::path& input, const std::vector<std::string>& channels) {
    if (!fs::is_directory(input)) throw DataError(concat(input.string(), ": is not a folder"));
    if (fs::exists(input / "dataset.json")) return list_msd(input);
    if (named_as_colours(channels)) {
        if (Listing pictures = list_pictures(input, channels); !pictures.cases.empty()) return pictures;
    }
    std::string first_reason;
    if (named_as_brats(channels)) {
        try {
            return list_brats(input);
        } catch (const DataError& error) {
            first_reason = error.what();
        }
    }
    if (Listing flat = list_flat(input, channels); !flat.cases.empty()) return flat;
    try {
        return list_generic(input, channels, "");
    } catch (const DataError& error) {
        throw DataError(first_reason.empty() ? error.what() : first_reason);
    }
}

}  // namespace vox::data
