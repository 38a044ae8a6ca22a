#include "data/survival_table.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/csv.hpp"
#include "data/shard_format.hpp"
#include "data/survival_cells.hpp"

namespace vox::data {
namespace {

using core::concat;
using core::DataError;

/// What a column may be for.
struct Role {
    const char* what;
    const char* option;
    std::span<const std::string_view> names;  // that tell it where the option does not; in lower case
};
constexpr std::array<std::string_view, 6> kPathNames{"path", "image", "image_path", "nifti path", "nifti_path", "file"};
constexpr std::array<std::string_view, 5> kTimeNames{"time", "survival_days", "survival_time", "duration",
                                                     "time_to_event"};
constexpr std::array<std::string_view, 5> kEventNames{"event", "status", "dead", "death", "event_observed"};
constexpr Role kPath{"the path of a volume", "--path-column", kPathNames},
    kTime{"the time", "--time-column", kTimeNames}, kEvent{"the event", "--event-column", kEventNames},
    kFold{"the fold", "--fold-column", {}}, kId{"the case's name", "--id-column", {}};

/// "BraTS20ID", "Brats17ID": the column that names cases in the tables of BraTS.
bool is_brats_id(const std::string& name) {
    const std::string word = plain_word(name);
    return word.starts_with("brats") && word.ends_with("id");
}

/// The columns that `is` takes, by position.
template <class Is>
std::vector<size_t> columns_where(const CsvTable& table, Is&& is) {
    std::vector<size_t> found;
    for (size_t c = 0; c < table.header.size(); ++c) {
        if (is(table.header[c])) found.push_back(c);
    }
    return found;
}

[[noreturn]] void refuse(const CsvTable& table, const std::string& why) {
    throw DataError(
        concat(table.file.string(), ":1: ", why, ".  The columns are '", core::join(table.header, "', '"), "'."));
}

/// The only one of `found`, or nothing.
std::optional<size_t> only_one(const CsvTable& table, const std::vector<size_t>& found, const Role& role) {
    if (found.empty()) return std::nullopt;
    if (found.size() == 1) return found.front();
    refuse(table, concat("'", table.header[found[0]], "' and '", table.header[found[1]], "' may both be ", role.what,
                         ": say which with ", role.option));
}

/// The column that the user named, else the one with a usual name.
std::optional<size_t> find_column(const CsvTable& table, const Role& role, const std::string& asked) {
    if (asked.empty()) {
        return only_one(table,
                        columns_where(table,
                                      [&](const std::string& name) {
                                          return std::ranges::find(role.names, plain_word(name)) != role.names.end();
                                      }),
                        role);
    }
    if (table.has_column(asked)) return table.column(asked);
    const auto found = only_one(
        table, columns_where(table, [&](const std::string& name) { return plain_word(name) == plain_word(asked); }),
        role);
    if (!found) refuse(table, concat("there is no column '", asked, "', which ", role.option, " names"));
    return found;
}

size_t require(const CsvTable& table, const Role& role, std::optional<size_t> found) {
    if (found) return *found;
    refuse(table, concat("no column is ", role.what, " (", core::join(role.names), "): name it with ", role.option));
}

/// Which column is what, by position.
struct Columns {
    std::optional<size_t> path, event, fold, id;
    size_t time = 0;
    bool brats = false;  // ids name BraTS cases

    Columns(const CsvTable& table, const SurvivalChoice& choice) {
        time = require(table, kTime, find_column(table, kTime, choice.time_column));
        path = find_column(table, kPath, choice.path_column);
        event = find_column(table, kEvent, choice.event_column);
        if (!choice.fold_column.empty()) fold = find_column(table, kFold, choice.fold_column);
        if (!choice.id_column.empty()) id = find_column(table, kId, choice.id_column);
        const auto brats_ids = columns_where(table, is_brats_id);
        brats = !path && !brats_ids.empty();
        if (!brats) {
            require(table, kPath, path);
            require(table, kEvent, event);
        } else if (!id) {
            id = only_one(table, brats_ids, kId);
        }
        check_distinct(table);
        check_names(table);
    }

    /// Columns that are stored under their own name.
    bool is_kept(size_t column) const { return column != time && column != event && column != path; }

private:
    void check_distinct(const CsvTable& table) const {
        std::vector<size_t> used{time};
        for (const auto& one : {path, event, fold}) {
            if (!one) continue;
            if (std::ranges::find(used, *one) != used.end())
                refuse(table, concat("'", table.header[*one], "' cannot be two things at once"));
            used.push_back(*one);
        }
    }
    void check_names(const CsvTable& table) const {
        if (table.header.size() > format::kMaxTexts)
            throw DataError(concat(table.file.string(), ":1: ", table.header.size(), " columns are over the limit of ",
                                   format::kMaxTexts));
        for (size_t c = 0; c < table.header.size(); ++c) {
            const std::string word = plain_word(table.header[c]);
            if (word.size() > format::kMaxTextBytes)
                throw DataError(concat(table.file.string(), ":1: the name of column ", c + 1, " is longer than ",
                                       format::kMaxTextBytes, " bytes"));
            if (is_kept(c) && (word == "time" || word == "event")) {
                refuse(table, concat("the column '", table.header[c], "' would be taken for the ", word,
                                     ", which another column is: rename or remove it"));
            }
        }
    }
};

class Reader {
public:
    Reader(const CsvTable& table, const SurvivalChoice& choice)
        : table_(table), columns_(table, choice), unknown_(table.header.size()) {}

    SurvivalTable read() {
        SurvivalTable result;
        result.ids_are_brats_cases = columns_.brats;
        result.provenance["time_column"] = name(columns_.time);
        result.provenance["event_column"] = columns_.event ? name(*columns_.event) : name(columns_.time);
        if (columns_.fold) result.provenance["fold_column"] = name(*columns_.fold);
        if (columns_.id) result.provenance["id_column"] = name(*columns_.id);
        for (const auto& line : table_.rows) result.rows.push_back(to_row(line));
        result.summary = summary(result);
        return result;
    }

private:
    const std::string& name(size_t column) const { return table_.header[column]; }

    SurvivalRow to_row(const CsvTable::Row& line) {
        SurvivalRow row;
        row.place = table_.place(line);
        row.line = line.line;
        if (line.cells.size() != table_.header.size()) {
            row.problems.push_back(concat(line.cells.size(), " cells where the header has ", table_.header.size()));
            return row;
        }
        const auto cell = [&](std::optional<size_t> column) { return column ? line.cells[*column] : std::string(); };
        const auto complain = [&](size_t column, const std::string& problem) {
            if (!problem.empty()) row.problems.push_back(concat(name(column), ' ', problem));
        };
        row.path = says_nothing(cell(columns_.path)) ? "" : cell(columns_.path);
        row.id = says_nothing(cell(columns_.id)) ? "" : cell(columns_.id);
        if (columns_.path && row.path.empty()) complain(*columns_.path, "is blank");
        if (columns_.id && row.id.empty()) complain(*columns_.id, "is blank");
        const bool told_by_time = !columns_.event;
        const TimeCell time = told_by_time ? brats_time_of(cell(columns_.time)) : time_of(cell(columns_.time));
        complain(columns_.time, time.problem);
        const WordCell event = told_by_time ? WordCell{time.alive ? "0" : "1"} : event_of(cell(columns_.event));
        if (!told_by_time) complain(*columns_.event, event.problem);
        if (columns_.fold) {
            const WordCell split = split_of(cell(columns_.fold));
            complain(*columns_.fold, split.problem);
            row.split = split.word;
        }
        add_others(line, row);
        if (!row.problems.empty()) return row;
        row.columns["time"] = shortest_decimal(time.time);
        row.columns["event"] = event.word;
        return row;
    }

    void add_others(const CsvTable::Row& line, SurvivalRow& row) {
        for (size_t c = 0; c < line.cells.size(); ++c) {
            if (!columns_.is_kept(c)) continue;
            if (line.cells[c].size() > format::kMaxTextBytes)
                row.problems.push_back(concat(name(c), " is longer than ", format::kMaxTextBytes, " bytes"));
            const bool unknown = says_nothing(line.cells[c]);
            if (unknown) ++unknown_[c];
            row.columns[name(c)] = unknown ? "" : line.cells[c];
        }
    }

    std::string summary(const SurvivalTable& result) const {
        size_t usable = 0, events = 0;
        for (const auto& row : result.rows) {
            usable += row.problems.empty() ? 1 : 0;
            events += row.problems.empty() && row.columns.at("event") == "1" ? 1 : 0;
        }
        std::vector<std::string> unknown;
        for (size_t c = 0; c < unknown_.size(); ++c) {
            if (unknown_[c] > 0) unknown.push_back(concat(name(c), ' ', unknown_[c]));
        }
        return concat(table_.file.string(), ": ", result.rows.size(), " lines, ", result.rows.size() - usable,
                      " of them unusable; ", events, " events, ", usable - events,
                      " censored; unknown cells: ", unknown.empty() ? "none" : core::join(unknown));
    }

    const CsvTable& table_;
    const Columns columns_;
    std::vector<size_t> unknown_;  // cells a column that say nothing
};

}  // namespace

SurvivalTable read_survival_table(const std::filesystem::path& file, const SurvivalChoice& choice) {
    if (std::filesystem::is_directory(file))
        throw DataError(concat(file.string(), ": is a folder; layout survival takes a table, TABLE.csv or TABLE.tsv"));
    const std::string ending = plain_word(file.extension().string());
    if (ending != ".csv" && ending != ".tsv")
        throw DataError(concat(file.string(), ": layout survival reads .csv and .tsv tables; save it as one of them"));
    const CsvTable table = read_csv(file, LinesOfOtherLength::kept);
    if (table.rows.empty()) throw DataError(concat(file.string(), ": lists no case"));
    return Reader(table, choice).read();
}

}  // namespace vox::data
