#include "app/label_files.hpp"

#include <vector>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"

namespace vox::app {
namespace {

namespace fs = std::filesystem;
using core::concat;
using core::DataError;
using Files = std::multimap<std::string, fs::path>;

/// The file's name without .nii or .nii.gz; empty where it is neither.
std::string nifti_stem(const fs::path& file) {
    const std::string name = file.filename().string();
    for (const std::string_view ending : {".nii.gz", ".nii"}) {
        if (name.ends_with(ending)) return name.substr(0, name.size() - ending.size());
    }
    return "";
}

/// Which case a label file is of: <id>, <id>_seg, <id>-seg; or a folder a case with label, seg or mask in it.
std::string case_of(const fs::path& file) {
    std::string stem = nifti_stem(file);
    if (stem == "label" || stem == "seg" || stem == "mask") return file.parent_path().filename().string();
    for (const std::string_view ending : {"_seg", "-seg"}) {
        if (stem.ends_with(ending)) return stem.substr(0, stem.size() - ending.size());
    }
    return stem;
}

void check_folder(const fs::path& folder, const char* what) {
    if (!fs::is_directory(folder))
        throw DataError(concat("the ", what, " folder ", folder.string(), " does not exist"));
}

/// Everything below; where a folder holds images beside labels, their names stand for no case that anybody asks for.
Files files_below(const LabelPlace& place) {
    Files files;
    const auto links = fs::directory_options::follow_directory_symlink;
    for (const auto& entry : fs::recursive_directory_iterator(place.folder, links)) {
        const auto& file = entry.path();
        if (place.name.empty()) {
            if (const std::string id = case_of(file); !id.empty()) files.emplace(id, file);
        } else if (nifti_stem(file) == place.name) {
            files.emplace(file.parent_path().filename().string(), file);
        }
    }
    return files;
}

Files prediction_files(const LabelPlace& place) {
    check_folder(place.folder, "predictions");
    Files files;
    if (!place.name.empty()) {
        files = files_below(place);
    } else {
        for (const auto& entry : fs::directory_iterator(place.folder))
            if (const auto stem = nifti_stem(entry.path()); !stem.empty()) files.emplace(stem, entry.path());
    }
    if (files.empty())
        throw DataError(concat(place.folder.string(), " holds no ",
                               place.name.empty() ? ".nii or .nii.gz file" : place.name + ".nii.gz in any folder"));
    return files;
}

/// The file of a case; empty where it has none.
fs::path one_file(const Files& files, const std::string& id, const char* what) {
    const auto [first, last] = files.equal_range(id);
    if (first == last) return {};
    if (const auto second = std::next(first); second != last)
        throw DataError(
            concat("two ", what, " for case ", id, ": ", first->second.string(), " and ", second->second.string()));
    return first->second;
}

}  // namespace

std::map<std::string, LabelPair> label_pairs(const LabelPlace& predictions, const LabelPlace& references) {
    const auto made = prediction_files(predictions);
    check_folder(references.folder, "references");
    const auto truth = files_below(references);
    const bool data_set = !predictions.name.empty();
    std::map<std::string, LabelPair> pairs;
    std::vector<std::string> without_reference, without_prediction;
    for (const auto& [id, file] : made) {
        const LabelPair pair{one_file(made, id, "predictions"), one_file(truth, id, "references")};
        if (pair.reference.empty())
            without_reference.push_back(id);
        else
            pairs[id] = pair;
    }
    if (!without_reference.empty() && !data_set)
        throw DataError(
            concat("no reference below ", references.folder.string(), " for case ", core::join(without_reference),
                   references.name.empty() ? " (<id>.nii.gz, <id>_seg.nii.gz, <id>-seg.nii.gz or <id>/seg.nii.gz)"
                                           : concat(" (<id>/", references.name, ".nii.gz)")));
    if (data_set && !references.name.empty())
        for (const auto& [id, file] : truth)
            if (!made.contains(id)) without_prediction.push_back(id);
    const auto warn = [](const std::vector<std::string>& ids, const char* what) {
        if (!ids.empty()) core::log::warning(ids.size(), " cases without a ", what, " are left out: ", core::join(ids));
    };
    warn(without_reference, "reference");
    warn(without_prediction, "prediction");
    if (pairs.empty()) throw DataError("no case has both a prediction and a reference");
    return pairs;
}

}  // namespace vox::app
