#include <array>
#include <map>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/layouts.hpp"

namespace vox::data {
namespace {

namespace fs = std::filesystem;
using core::concat;
using core::DataError;

struct Suffix {
    std::string_view text;
    std::string_view channel;  // "label" for the segmentation
    bool year_2023;
};
constexpr std::array<std::string_view, 4> kChannels{"t1", "t1ce", "t2", "flair"};
constexpr std::array<Suffix, 10> kSuffixes{{{"_t1", "t1", false},
                                            {"_t1ce", "t1ce", false},
                                            {"_t2", "t2", false},
                                            {"_flair", "flair", false},
                                            {"_seg", "label", false},
                                            {"-t1n", "t1", true},
                                            {"-t1c", "t1ce", true},
                                            {"-t2w", "t2", true},
                                            {"-t2f", "flair", true},
                                            {"-seg", "label", true}}};

/// What was found of one case so far: channel -> file.
struct Found {
    fs::path folder;
    std::map<std::string, fs::path, std::less<>> files;
};

CaseFiles to_case(const std::string& id, const Found& found) {
    CaseFiles one{id, {}, {}, {}};
    for (const auto channel : kChannels) {
        const auto file = found.files.find(channel);
        if (file == found.files.end()) {
            one.missing.emplace_back(channel);
        } else {
            one.channels.push_back({std::string(channel), file->second, -1});
        }
    }
    if (const auto label = found.files.find("label"); label != found.files.end()) one.label = label->second;
    if (!one.missing.empty())
        one.problem = concat(found.folder.string(), ": missing modality ", core::join(one.missing));
    return one;
}

}  // namespace

std::string volume_stem(const fs::path& file) {
    std::string name = file.filename().string();
    if (name.starts_with(".")) return {};
    if (name.ends_with(".gz")) name.resize(name.size() - 3);
    if (!name.ends_with(".nii")) return {};
    name.resize(name.size() - 4);
    return name;
}

Listing list_brats(const fs::path& input) {
    if (!fs::is_directory(input)) throw DataError(concat(input.string(), ": is not a folder"));
    std::map<std::string, Found> cases;
    bool names_2018 = false, names_2023 = false;
    for (const auto& entry : fs::recursive_directory_iterator(input, fs::directory_options::follow_directory_symlink)) {
        if (!entry.is_regular_file()) continue;
        const std::string stem = volume_stem(entry.path());
        for (const auto& suffix : kSuffixes) {
            if (stem.size() <= suffix.text.size() || !stem.ends_with(suffix.text)) continue;
            const std::string id = stem.substr(0, stem.size() - suffix.text.size());
            Found& found = cases[id];
            if (found.folder.empty()) found.folder = entry.path().parent_path();
            const auto [place, fresh] = found.files.emplace(suffix.channel, entry.path());
            if (!fresh) {
                throw DataError(concat("case ", id, ": ", suffix.channel, " is there twice: ", place->second.string(),
                                       " and ", entry.path().string()));
            }
            (suffix.year_2023 ? names_2023 : names_2018) = true;
        }
    }
    Listing listing;
    listing.channels.assign(kChannels.begin(), kChannels.end());
    if (names_2023 != names_2018) listing.scheme_hint = names_2023 ? "brats2023" : "brats";
    for (const auto& [id, found] : cases) listing.cases.push_back(to_case(id, found));
    if (listing.cases.empty()) {
        throw DataError(concat(input.string(),
                               ": holds no BraTS case (<id>_t1.nii.gz, _t1ce, _t2, _flair, _seg, or <id>-t1n.nii.gz, "
                               "-t1c, -t2w, -t2f, -seg)"));
    }
    return listing;
}

}  // namespace vox::data
