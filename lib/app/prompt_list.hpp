#pragma once
// What a user asks of cases: one prompt for all of them, or a file of prompts.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace vox::app {

/// One prompt as it was given: words, or a point, or a box; what is not given is empty.
struct GivenPrompt {
    std::string words;
    std::vector<double>
        point_mm;  // x, y, z in RAS mm; of a picture column and row, the first pixel's middle being 0 0, and 0
    std::vector<double> box_mm;  // two opposite corners
    std::string text() const;  // for messages and tables
};

class PromptList {
public:
    /// The same words for every case.
    explicit PromptList(const std::string& words);
    /// .csv or .tsv: a column image_name (or case, or id) with the case, where the prompt is not for all of them, and at least one of question (or prompt,
    /// description), point ("x y z" in mm) and box (two corners, six numbers), one of them in each line; any other file: a prompt of
    /// words a line.  Throws DataError with file and line, also for a line without a prompt.
    static PromptList from_file(const std::filesystem::path& file);

    /// In the order of the file.  Throws DataError where there is none for the case.
    std::vector<GivenPrompt> of_case(const std::string& id) const;
    /// All that are there, whatever their cases.
    std::vector<GivenPrompt> all() const;
    /// Throws DataError where a prompt names a case that is none of these.
    void check_cases(const std::vector<std::string>& ids) const;

private:
    PromptList() = default;
    struct Entry {
        std::string id;  // empty: every case
        GivenPrompt prompt;
    };
    std::string where_;
    std::vector<Entry> entries_;
};

}  // namespace vox::app
