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

// What may stand behind the patient's name, by view.  A frontal X-ray is stored as `ap`: parallel rays show the same from both sides.
constexpr std::array<std::string_view, 3> kFrontal{"pa", "ap", "frontal"};
constexpr std::array<std::string_view, 2> kLateral{"lat", "lateral"};

/// "ap", "lateral", or nothing for a name that is no view's.
std::string view_of_suffix(std::string suffix) {
    if (suffix.ends_with("_drr")) suffix.resize(suffix.size() - 4);
    if (std::ranges::find(kFrontal, suffix) != kFrontal.end()) return "ap";
    if (std::ranges::find(kLateral, suffix) != kLateral.end()) return "lateral";
    return {};
}

void add_problem(CaseFiles& one, const std::string& problem) {
    one.problem += concat(one.problem.empty() ? "" : "; ", problem);
}

/// The files of one patient; others in the folder are left alone.
CaseFiles files_of(const fs::path& folder, const std::string& id, XrayFiles wanted) {
    CaseFiles one;
    one.id = id;
    std::set<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.is_regular_file()) files.insert(entry.path());
    }
    std::map<std::string, std::vector<fs::path>> views;
    for (const auto& file : files) {
        const bool npy = file.extension() == ".npy", png = file.extension() == ".png";
        const std::string stem = npy || png ? file.stem().string() : volume_stem(file);
        if (stem == id && !png) {
            one.channels.push_back({"ct", file, -1});
        } else if ((npy || png) && stem.starts_with(id + "_")) {
            const std::string view = view_of_suffix(stem.substr(id.size() + 1));
            if (!view.empty()) views[view].push_back(file);
        }
    }
    if (one.channels.empty() && wanted != XrayFiles::views)
        add_problem(one, concat("missing ", id, ".nii.gz, .nii or .npy"));
    if (one.channels.size() > 1) add_problem(one, concat(one.channels.size(), " files are the CT; keep one"));
    for (const auto& [name, found] : views) {
        if (found.size() > 1) {
            add_problem(one, concat(found.size(), " files are the view ", name, " (", found[0].filename().string(),
                                    ", ", found[1].filename().string(), "); keep one"));
        }
        one.views.push_back({name, found.front()});
    }
    return one;
}

/// Every case needs the views that the set has; or none may have any.
void check_views(Listing& listing, XrayFiles wanted) {
    std::set<std::string> all;
    for (const auto& one : listing.cases) {
        for (const auto& view : one.views) all.insert(view.name);
    }
    for (auto& one : listing.cases) {
        if (wanted == XrayFiles::ct) {
            if (!one.views.empty())
                add_problem(one,
                            concat("has a view, ", one.views.front().file.filename().string(),
                                   ", which --make-drrs would not use; leave --make-drrs out, or move views away"));
            continue;
        }
        if (one.views.empty()) {
            add_problem(one,
                        concat("has no views (", one.id, "_pa_drr.png, ", one.id, "_lat_drr.png, or .npy); give them",
                               wanted == XrayFiles::views ? "" : ", or make them of the CT with --make-drrs"));
            continue;
        }
        for (const auto& name : all) {
            if (std::ranges::find(one.views, name, &CaseFiles::ViewFile::name) == one.views.end())
                add_problem(one, concat("missing view ", name, ", which other cases have"));
        }
    }
}

}  // namespace

Listing list_xray_ct(const fs::path& input, XrayFiles wanted) {
    if (!fs::is_directory(input)) throw DataError(concat(input.string(), ": is not a folder"));
    Listing listing;
    listing.channels = {"ct"};
    listing.scheme_hint = "generic";
    std::set<fs::path> folders;
    for (const auto& entry : fs::directory_iterator(input)) {
        if (entry.is_directory() && !entry.path().filename().string().starts_with(".")) folders.insert(entry.path());
    }
    for (const auto& folder : folders) {
        CaseFiles one = files_of(folder, folder.filename().string(), wanted);
        if (!one.channels.empty() || !one.views.empty()) listing.cases.push_back(std::move(one));
    }
    if (listing.cases.empty()) {
        throw DataError(concat(input.string(),
                               ": holds no case (a folder P for each patient, with P.nii.gz and P_pa_drr.png "
                               "in it)"));
    }
    check_views(listing, wanted);
    return listing;
}

}  // namespace vox::data
