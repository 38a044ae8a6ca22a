#pragma once
// Tables of text, read strictly: RFC 4180.

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace vox::data {

struct CsvTable {
    struct Row {
        size_t line = 0;  // where it begins in the file, from 1
        std::vector<std::string> cells;  // as many as the header has, unless LinesOfOtherLength::kept
    };
    std::filesystem::path file;
    std::vector<std::string> header;
    std::vector<Row> rows;

    bool has_column(const std::string& name) const;
    /// Throws DataError naming the file, its columns and the nearest one, where there is no such column.
    size_t column(const std::string& name) const;
    /// "FILE:LINE", for messages.
    std::string place(const Row& row) const;
};

/// What becomes of lines with more or fewer cells than the header has.
enum class LinesOfOtherLength { refused, kept };

/// Reads a whole file: cells are parted by commas, in a file whose name ends in .tsv by tabs; a cell in quotes may hold commas, tabs,
/// line ends and doubled quotes; lines end with LF or CRLF; a UTF-8 byte order mark is dropped; lines without a character are skipped; spaces belong to the cell.
/// Throws DataError with file and line: not readable, no header, a column twice or without a name, a row of another length, a
/// quote inside an unquoted cell, text after a closing quote, a quote that never closes, a zero byte, a lone CR.
CsvTable read_csv(const std::filesystem::path& file, LinesOfOtherLength others = LinesOfOtherLength::refused);

}  // namespace vox::data
