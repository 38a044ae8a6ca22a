#include <map>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/case_info.hpp"
#include "data/layouts.hpp"
#include "data/survival_table.hpp"

namespace vox::data {
namespace {

namespace fs = std::filesystem;
using core::concat;
using core::DataError;

/// The last part of a path without .nii or .nii.gz.
std::string last_name(const fs::path& file) {
    const fs::path path = file.has_filename() ? file : file.parent_path();  // "case_7/" is case_7
    const std::string stem = volume_stem(path);
    return stem.empty() ? path.filename().string() : stem;
}

/// The volume that a cell names, or the only one in the folder that it names.  Adds to `problems` where there is none.
fs::path volume_at(const fs::path& file, std::vector<std::string>& problems) {
    std::error_code unusable;  // a name that is too long, for one, is no reason to stop
    if (!fs::is_directory(file, unusable)) {
        if (!fs::is_regular_file(file, unusable)) {
            problems.push_back(concat(file.string(), " does not exist"));
        } else if (volume_stem(file).empty()) {
            problems.push_back(concat(file.string(), " is no .nii or .nii.gz file"));
        }
        return file;
    }
    std::vector<fs::path> volumes;
    for (const auto& entry : fs::directory_iterator(file)) {
        if (entry.is_regular_file() && !volume_stem(entry.path()).empty()) volumes.push_back(entry.path());
    }
    if (volumes.size() != 1) {
        problems.push_back(
            concat(file.string(), " is a folder with ", volumes.size(), " .nii or .nii.gz files where one is meant"));
        return file;
    }
    return volumes.front();
}

/// What a line's files are, where a column names them.
class NamedVolumes {
public:
    NamedVolumes(fs::path folder, bool name_cases) : folder_(std::move(folder)), name_cases_(name_cases) {}
    std::vector<std::string> channels() const { return {"image"}; }
    void add(CaseFiles& one, const SurvivalRow& row, std::vector<std::string>& problems) const {
        if (row.path.empty()) return;  // which the table says
        const fs::path file = (folder_ / row.path).lexically_normal();
        if (name_cases_) one.id = last_name(file);
        one.channels.push_back({"image", volume_at(file, problems), -1});
    }

private:
    fs::path folder_;
    bool name_cases_;  // where no column does
};

/// What a line's files are, where its id names a case as layout brats finds it.
class BratsCases {
public:
    explicit BratsCases(const fs::path& folder) : folder_(folder) {
        Listing found = list_brats(folder);
        channels_ = std::move(found.channels);
        for (auto& one : found.cases) cases_.emplace(one.id, std::move(one));
    }
    const std::vector<std::string>& channels() const { return channels_; }
    void add(CaseFiles& one, const SurvivalRow& row, std::vector<std::string>& problems) const {
        if (row.id.empty()) return;  // which the table says
        const auto found = cases_.find(row.id);
        if (found == cases_.end()) {
            problems.push_back(concat(folder_.string(), " holds no BraTS case ", row.id));
            return;
        }
        one.channels = found->second.channels;
        if (found->second.problem.empty()) return;
        if (problems.empty()) one.missing = found->second.missing;  // or --allow-missing would forgive the others
        problems.push_back(found->second.problem);
    }

private:
    fs::path folder_;
    std::vector<std::string> channels_;
    std::map<std::string, CaseFiles> cases_;
};

template <class Files>
CaseFiles to_case(const SurvivalRow& row, const Files& files) {
    CaseFiles one;
    one.id = row.id;
    one.split = row.split;
    one.columns = row.columns;
    auto problems = row.problems;
    files.add(one, row, problems);
    if (one.id.empty()) {
        one.id = concat("of line ", row.line);  // it has a problem, and needs a name to be refused by
    } else {
        try {
            check_case_id(one.id);
        } catch (const DataError& error) {
            problems.emplace_back(error.what());
        }
    }
    if (!problems.empty()) one.problem = concat(row.place, ": ", core::join(problems, "; "));
    return one;
}

}  // namespace

Listing list_survival(const fs::path& input, const SurvivalChoice& choice) {
    const SurvivalTable table = read_survival_table(input, choice);
    const fs::path beside = input.has_parent_path() ? input.parent_path() : fs::path(".");
    const fs::path folder = choice.images.empty() ? beside : choice.images;
    if (!fs::is_directory(folder)) throw DataError(concat(folder.string(), ": is not a folder"));
    Listing listing;
    listing.scheme_hint = "generic";
    listing.provenance = table.provenance;
    listing.provenance["images"] = folder.string();
    listing.notes = {table.summary};
    const bool has_ids = table.provenance.contains("id_column");
    std::map<std::string, CaseFiles> cases;
    std::map<std::string, std::string> places;
    std::vector<std::string> twice;
    const auto add_all = [&](const auto& files) {
        listing.channels = files.channels();
        for (const auto& row : table.rows) {
            CaseFiles one = to_case(row, files);
            const auto [known, is_new] = places.emplace(one.id, row.place);
            if (!is_new) twice.push_back(concat(row.place, ": case ", one.id, " is already at ", known->second));
            cases.emplace(one.id, std::move(one));
        }
    };
    if (table.ids_are_brats_cases) {
        add_all(BratsCases(folder));
    } else {
        add_all(NamedVolumes(folder, !has_ids));
    }
    if (!twice.empty()) {
        throw DataError(concat(
            core::join(twice, "\n"), "\nEvery line needs a name of its own: ",
            has_ids ? "give another --id-column, or mend the table." : "name a column that has one with --id-column."));
    }
    for (auto& [id, one] : cases) listing.cases.push_back(std::move(one));
    return listing;
}

}  // namespace vox::data
