#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/layouts.hpp"

namespace vox::data {
namespace {

namespace fs = std::filesystem;
using core::concat;
using core::DataError;
using nlohmann::json;

/// "modality" (MSD) or "channel_names" (nnU-Net): {"0": "FLAIR", "1": "T1w", ...}.
std::vector<std::string> channel_names(const json& dataset) {
    const json& named = dataset.contains("channel_names") ? dataset.at("channel_names") : dataset.at("modality");
    std::vector<std::string> names;
    for (size_t i = 0; i < named.size(); ++i) names.push_back(named.at(std::to_string(i)));
    return names;
}

/// Names of label values, as text; the file has them in either direction of the map.
std::map<std::string, std::string> label_names(const json& dataset) {
    std::map<std::string, std::string> name_of;
    const json labels = dataset.value("labels", json::object());
    for (const auto& [key, value] : labels.items()) {
        if (value.is_string()) name_of[key] = value;
        if (value.is_number_integer()) name_of[std::to_string(value.get<int>())] = key;
    }
    return name_of;
}

/// Those of values 1 to 255.
std::map<int, std::string> structures(const json& dataset) {
    const auto names = label_names(dataset);
    std::map<int, std::string> found;
    for (int value = 1; value <= 255; ++value) {
        if (const auto name = names.find(std::to_string(value)); name != names.end()) found[value] = name->second;
    }
    return found;
}

/// Task01 is known by the words of its labels.
std::string scheme_hint(const json& dataset) {
    auto name_of = label_names(dataset);
    const auto says = [&](const char* value, const char* word) {
        return name_of[value].find(word) != std::string::npos;
    };
    return says("1", "edema") && says("2", "non-enhancing") && says("3", "enhancing") ? "msd_brats" : "generic";
}

CaseFiles from_4d(const fs::path& input, const json& entry, const std::vector<std::string>& channels) {
    const fs::path image = (input / entry.at("image").get<std::string>()).lexically_normal();
    CaseFiles one{volume_stem(image), {}, {}, {}};
    const auto volumes = static_cast<int64_t>(channels.size());
    for (int64_t c = 0; c < volumes; ++c) one.channels.push_back({channels[static_cast<size_t>(c)], image, c, volumes});
    if (entry.contains("label")) one.label = (input / entry.at("label").get<std::string>()).lexically_normal();
    if (!fs::exists(image)) one.problem = concat(image.string(), ": does not exist");
    return one;
}

/// nnU-Net: one file a channel, <id>_0000.nii.gz.
std::map<std::string, CaseFiles> from_channel_files(const fs::path& input, const std::vector<std::string>& channels) {
    std::map<std::string, CaseFiles> cases;
    for (const auto& entry : fs::directory_iterator(input / "imagesTr")) {
        const std::string stem = volume_stem(entry.path());
        if (stem.size() > 5 && stem.ends_with("_0000")) cases[stem.substr(0, stem.size() - 5)] = {};
    }
    const auto file_of = [&](const char* folder, const std::string& stem) {
        const fs::path packed = input / folder / (stem + ".nii.gz");
        return fs::exists(packed) ? packed : input / folder / (stem + ".nii");
    };
    for (auto& [id, one] : cases) {
        one.id = id;
        for (size_t c = 0; c < channels.size(); ++c) {
            const std::string number = std::to_string(c);
            const auto file = file_of("imagesTr", concat(id, '_', std::string(4 - number.size(), '0'), number));
            if (fs::exists(file)) {
                one.channels.push_back({channels[c], file, -1});
            } else {
                one.missing.push_back(channels[c]);
                one.problem = concat(file.string(), ": missing channel ", channels[c]);
            }
        }
        if (const auto label = file_of("labelsTr", id); fs::exists(label)) one.label = label;
    }
    return cases;
}

}  // namespace

Listing list_msd(const fs::path& input) {
    const fs::path file = input / "dataset.json";
    std::ifstream in(file);
    if (!in) throw DataError(concat(file.string(), ": cannot be opened; the layouts msd and nnunet need it"));
    Listing listing;
    std::map<std::string, CaseFiles> cases;
    try {
        const json dataset = json::parse(in);
        listing.channels = channel_names(dataset);
        listing.scheme_hint = scheme_hint(dataset);
        listing.structures = structures(dataset);
        if (fs::is_directory(input / "imagesTr")) cases = from_channel_files(input, listing.channels);
        if (cases.empty()) {
            for (const auto& entry : dataset.at("training")) {
                CaseFiles one = from_4d(input, entry, listing.channels);
                if (!cases.emplace(one.id, one).second)
                    throw DataError(concat(file.string(), ": lists case ", one.id, " twice"));
            }
        }
    } catch (const json::exception& error) {
        throw DataError(concat(file.string(), ": ", error.what()));
    }
    for (auto& [id, one] : cases) listing.cases.push_back(std::move(one));
    if (listing.cases.empty()) throw DataError(concat(file.string(), ": lists no training case"));
    return listing;
}

}  // namespace vox::data
