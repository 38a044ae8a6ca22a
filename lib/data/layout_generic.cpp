#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/layouts.hpp"

namespace vox::data {
namespace {

namespace fs = std::filesystem;
using core::concat;
using core::DataError;

bool is_label_name(const std::string& name) {
    constexpr std::array<std::string_view, 3> kWords{"label", "seg", "mask"};
    return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) {
        return name == word || name.ends_with(concat('_', word)) || name.ends_with(concat('-', word));
    });
}

/// Volumes of a case's folder by name; "<id>_" or "<id>-" in front of a name is dropped.
std::map<std::string, fs::path> volumes_of(const fs::path& folder, const std::string& id) {
    std::map<std::string, fs::path> volumes;
    for (const auto& entry : fs::directory_iterator(folder)) {
        std::string name = entry.is_regular_file() ? volume_stem(entry.path()) : "";
        if (name.empty()) continue;
        if (name.starts_with(id + "_") || name.starts_with(id + "-")) name = name.substr(id.size() + 1);
        if (!volumes.emplace(name, entry.path()).second) {
            throw DataError(concat("case ", id, ": two files are called ", name, " in ", folder.string()));
        }
    }
    return volumes;
}

CaseFiles to_case(const std::string& id, const std::map<std::string, fs::path>& volumes,
                  const std::vector<std::string>& channels, const std::string& label) {
    CaseFiles one{id, {}, {}, {}};
    for (const auto& channel : channels) {
        const auto found = volumes.find(channel);
        if (found == volumes.end()) {
            one.missing.push_back(channel);
            one.problem += concat(one.problem.empty() ? "missing channel " : ", ", channel);
        } else {
            one.channels.push_back({channel, found->second, -1});
        }
    }
    std::vector<std::string> labels;
    for (const auto& [name, file] : volumes) {
        if (label.empty() ? is_label_name(name) && !std::count(channels.begin(), channels.end(), name)
                          : name == label) {
            labels.push_back(name);
            one.label = file;
        }
    }
    if (labels.size() > 1) {
        one.missing.clear();  // it has another problem
        one.problem = concat("several label files (", core::join(labels), "): choose one with --label");
    }
    return one;
}

}  // namespace

Listing list_generic(const fs::path& input, const std::vector<std::string>& channels, const std::string& label) {
    if (!fs::is_directory(input)) throw DataError(concat(input.string(), ": is not a folder"));
    std::map<std::string, std::map<std::string, fs::path>> cases;
    for (const auto& entry : fs::directory_iterator(input)) {
        const std::string id = entry.path().filename().string();
        if (!entry.is_directory() || id.starts_with(".")) continue;
        if (auto volumes = volumes_of(entry.path(), id); !volumes.empty()) cases[id] = std::move(volumes);
    }
    Listing listing;
    listing.channels = channels;
    listing.scheme_hint = "generic";
    if (channels.empty()) {
        std::set<std::string> names;
        for (const auto& [id, volumes] : cases) {
            for (const auto& [name, file] : volumes) {
                if (!is_label_name(name) && name != label) names.insert(name);
            }
        }
        listing.channels.assign(names.begin(), names.end());
    }
    for (const auto& [id, volumes] : cases) listing.cases.push_back(to_case(id, volumes, listing.channels, label));
    if (listing.cases.empty() || listing.channels.empty()) {
        throw DataError(
            concat(input.string(), ": holds no case (one folder a case, with .nii or .nii.gz files in it)"));
    }
    return listing;
}

}  // namespace vox::data
