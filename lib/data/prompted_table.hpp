#pragma once
// Tables of questions about pictures: a question a line.

#include <filesystem>
#include <string>
#include <vector>

#include "data/layouts.hpp"

namespace vox::data {

/// One line as it will be stored, or why it cannot be.
struct PromptedLine {
    std::string id, split;  // of the picture; no split: empty
    std::filesystem::path image;
    CaseFiles::AskedLine asked;
    std::vector<std::string> problems;  // "question is blank"; nothing where the line can be used
};

/// Reads .csv or .tsv, see `list_prompted`; paths are from `folder`.  Opens no picture, but looks which files there are.  Throws DataError
/// for another kind of file, as `read_csv` (but a line of another length is a problem of its own), and naming all columns where
/// the question's or the image's is absent, or two may be the same.
std::vector<PromptedLine> read_prompted_table(const std::filesystem::path& file, const std::filesystem::path& folder);

}  // namespace vox::data
