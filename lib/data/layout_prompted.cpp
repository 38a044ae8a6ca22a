#include <map>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/colours.hpp"
#include "data/layouts.hpp"
#include "data/prompted_table.hpp"

namespace vox::data {
namespace {

namespace fs = std::filesystem;
using core::concat;
using core::DataError;

/// The lines of one image.
struct Asked {
    fs::path image;
    CaseFiles files;
    std::vector<std::string> problems;

    void add(PromptedLine line) {
        if (!line.split.empty() && !files.split.empty() && line.split != files.split)
            line.problems.push_back(concat("the image is in ", line.split, ", and in ", files.split, " further up"));
        if (files.split.empty()) files.split = line.split;
        if (!line.problems.empty()) problems.push_back(concat(line.asked.place, ": ", core::join(line.problems, "; ")));
        files.asked.push_back(std::move(line.asked));
    }
};

std::map<std::string, Asked> asked_images(std::vector<PromptedLine> lines) {
    std::map<std::string, Asked> images;
    std::vector<std::string> twice;
    for (auto& line : lines) {
        auto [found, is_new] = images.try_emplace(line.id);
        Asked& one = found->second;
        if (is_new) one.image = line.image;
        if (one.image != line.image) {
            twice.push_back(concat(line.asked.place, ": ", line.id, " is ", line.image.string(), ", at ",
                                   one.files.asked.front().place, " it is ", one.image.string()));
        }
        one.add(std::move(line));
    }
    if (!twice.empty())
        throw DataError(concat(core::join(twice, "\n"), "\nEvery picture needs a name of its own: mend image_name."));
    return images;
}

/// Whether every picture that can be read is grey; adds to the problems of the others.
bool all_grey(std::map<std::string, Asked>& images) {
    bool grey = true;
    for (auto& [id, one] : images) {
        if (!one.problems.empty()) continue;
        try {
            grey = is_grey_picture(one.image) && grey;
        } catch (const DataError& error) {
            one.problems.push_back(concat(one.files.asked.front().place, ": ", error.what()));
        }
    }
    return grey;
}

}  // namespace

Listing list_prompted(const fs::path& input, const fs::path& images) {
    const fs::path beside = input.has_parent_path() ? input.parent_path() : fs::path(".");
    const fs::path folder = images.empty() ? beside : images;
    auto asked = asked_images(read_prompted_table(input, folder));
    Listing listing;
    listing.channels = colour_channels(all_grey(asked));
    listing.scheme_hint = "prompted";
    listing.provenance["images"] = folder.string();
    for (auto& [id, one] : asked) {
        CaseFiles files = picture_case(id, one.image, listing.channels);
        files.problem = core::join(one.problems, "; ");
        files.split = one.files.split;
        files.asked = std::move(one.files.asked);
        listing.cases.push_back(std::move(files));
    }
    return listing;
}

}  // namespace vox::data
