#pragma once
// Tables of survival: a case a line, with its time, whether the event came, and what else is known.

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "data/layouts.hpp"

namespace vox::data {

/// One line as it will be stored, or why it cannot be.
struct SurvivalRow {
    std::string place;  // "FILE:LINE", for messages
    size_t line = 0;    // from 1
    std::string path;   // its cell; empty where the table has no such column
    std::string id;     // its cell; empty where there is no column of ids
    std::string split;  // of the fold column: "train", "val", "test"; empty without one
    /// `time`, the shortest decimal text of its number, `event`, "0" or "1", and every other column but the path under its own
    /// name, where what is not known is empty.
    std::map<std::string, std::string> columns;
    std::vector<std::string> problems;  // "time is blank"; nothing where the line can be used
};

struct SurvivalTable {
    bool ids_are_brats_cases = false;  // there is no path: ids name BraTS cases
    std::vector<SurvivalRow> rows;  // in the file's order
    /// Which column is what: {"time_column", "Survival_days"}.
    std::map<std::string, std::string> provenance;
    std::string summary;  // how many events and how many unknown cells, in one line
};

/// Reads .csv or .tsv, see `list_survival`.  Throws DataError for another kind of file, as `read_csv` (but a line of another length is a
/// problem of its own), and naming all columns and the option to give, where a role's column is absent or not the only one.
SurvivalTable read_survival_table(const std::filesystem::path& file, const SurvivalChoice& choice);

}  // namespace vox::data
