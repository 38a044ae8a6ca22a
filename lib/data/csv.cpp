#include "data/csv.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::data {
namespace {

using core::concat;
using core::DataError;

bool is_tsv(const std::filesystem::path& file) {
    const std::string ending = file.extension().string();
    return ending == ".tsv" || ending == ".TSV";
}

/// Goes through the text once, a record at a time.
class Parser {
public:
    Parser(const std::filesystem::path& file, const std::string& text)
        : file_(file), text_(text), separator_(is_tsv(file) ? '\t' : ','), cell_ends_({separator_, '\r', '\n'}) {
        if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    }

    /// False at the end of the file.  Lines without a character are no records.
    bool next(CsvTable::Row& row) {
        while (skip_line_end()) {
        }
        if (at_ == text_.size()) return false;
        row = {line_, {}};
        do {
            row.cells.push_back(peek('"') ? quoted() : plain());
        } while (take(separator_));
        if (at_ < text_.size() && !skip_line_end()) fail("text after a closing quote");
        return true;
    }

    [[noreturn]] void fail(const std::string& why) const {
        throw DataError(concat(file_.string(), ":", line_, ": ", why));
    }

private:
    bool peek(char c) const { return at_ < text_.size() && text_[at_] == c; }
    bool take(char c) {
        if (!peek(c)) return false;
        ++at_;
        return true;
    }
    bool skip_line_end() {
        const size_t begin = at_;
        if (take('\r') && !peek('\n')) fail("a carriage return that no line feed follows");
        if (!take('\n')) return at_ != begin;
        ++line_;
        return true;
    }
    std::string plain() {
        const size_t end = std::min(text_.find_first_of(cell_ends_, at_), text_.size());
        std::string cell = text_.substr(at_, end - at_);
        if (cell.find('"') != std::string::npos) fail(concat("a quote inside of the unquoted cell ", cell));
        at_ = end;
        return cell;
    }
    std::string quoted() {
        const size_t begun = line_;
        std::string cell;
        for (++at_; at_ < text_.size(); ++at_) {
            if (text_[at_] == '"' && (at_ + 1 == text_.size() || text_[at_ + 1] != '"')) {
                ++at_;
                return cell;
            }
            if (text_[at_] == '"') ++at_;  // a doubled quote stands for one
            if (text_[at_] == '\n') ++line_;
            cell += text_[at_];
        }
        line_ = begun;
        fail("a quote that never closes");
    }

    const std::filesystem::path& file_;
    const std::string& text_;
    const char separator_;
    const std::string cell_ends_;  // of one without quotes
    size_t at_ = 0, line_ = 1;
};

std::string read_text(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in || std::filesystem::is_directory(file)) throw DataError(concat(file.string(), ": cannot be read"));
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (in.bad()) throw DataError(concat(file.string(), ": reading failed"));
    if (const size_t zero = text.find('\0'); zero != std::string::npos) {
        const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(zero), '\n');
        throw DataError(concat(file.string(), ":", line, ": a zero byte: this is not UTF-8 text"));
    }
    return text;
}

}  // namespace

bool CsvTable::has_column(const std::string& name) const {
    return std::find(header.begin(), header.end(), name) != header.end();
}

size_t CsvTable::column(const std::string& name) const {
    const auto found = std::find(header.begin(), header.end(), name);
    if (found != header.end()) return static_cast<size_t>(found - header.begin());
    const std::string near = core::nearest(name, header);
    throw DataError(concat(file.string(), ":1: there is no column '", name, "'",
                           near.empty() ? "" : concat(" (the nearest is '", near, "')"), "; the header has ",
                           core::join(header)));
}

std::string CsvTable::place(const Row& row) const { return concat(file.string(), ":", row.line); }

CsvTable read_csv(const std::filesystem::path& file, LinesOfOtherLength others) {
    const std::string text = read_text(file);
    Parser parser(file, text);
    CsvTable table;
    table.file = file;
    CsvTable::Row row;
    if (!parser.next(row)) throw DataError(concat(file.string(), ":1: the file has no header"));
    table.header = row.cells;
    std::set<std::string> names;
    for (const auto& name : table.header) {
        if (name.empty()) throw DataError(concat(table.place(row), ": a column has no name"));
        if (!names.insert(name).second)
            throw DataError(concat(table.place(row), ": the column '", name, "' is there twice"));
    }
    while (parser.next(row)) {
        if (row.cells.size() != table.header.size() && others == LinesOfOtherLength::refused) {
            throw DataError(
                concat(table.place(row), ": ", row.cells.size(), " cells where the header has ", table.header.size()));
        }
        table.rows.push_back(row);
    }
    return table;
}

}  // namespace vox::data
