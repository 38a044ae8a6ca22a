#pragma once
// Figures of cases as a table to read, and as files for other programs.

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace vox::report {

/// One case: its id, and a value for each column.
struct TableRow {
    std::string id;
    std::vector<double> values;  // NaN: no figure
    std::string run{};  // which made it, where the table is of several runs
};

struct FiguresTable {
    std::string id_title = "case";
    bool names_runs = false;  // a column "run" follows the id
    std::vector<std::string> columns;  // "TC", "WT", "ET", "mean"
    std::vector<TableRow> rows;
    std::string note;                  // what a reader must know: definitions, the rule for empty masks
    std::vector<std::pair<std::string, double>> all_cases;  // figures of all cases together, no mean of theirs

    /// The mean of each column over the rows that have a figure; NaN where none has.
    std::vector<double> means() const;
};

/// Aligned text: a line a row (with its run last), then the means, then the figures of all cases, then the note.
std::string to_text(const FiguresTable& table);

/// metrics.json: {"note", "mean": {column: value}, "all_cases": {name: value} where there are any, "cases": {id: {column: value,
/// "run" where there are several}}}.
/// NaN is null; what is infinite too, with its text in a field "<column>.text" after it, as in metrics.jsonl.  Throws WriteError.
void write_json(const std::filesystem::path& file, const FiguresTable& table);

/// In quotes where it has a comma, a quote or a line's end, as RFC 4180 wants it.
std::string csv_cell(const std::string& text);

/// A header line, then a line a row; NaN as an empty cell.  Throws WriteError.
void write_csv(const std::filesystem::path& file, const FiguresTable& table);

}  // namespace vox::report
