#include "app/prompt_list.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <optional>
#include <sstream>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/colours.hpp"
#include "data/csv.hpp"
#include "data/layouts.hpp"
#include "data/survival_cells.hpp"

namespace vox::app {
namespace {

using core::concat;
using core::DataError;

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(" \t\r");
    return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

/// "12.5 -3 40" as numbers; an empty list for an empty text.
std::vector<double> numbers_of(const std::string& text, size_t count, const std::string& place) {
    std::istringstream in(text);
    std::vector<double> numbers;
    for (double number = 0; in >> number;) numbers.push_back(number);
    const bool all_finite = std::ranges::all_of(numbers, [](double n) { return std::isfinite(n); });
    if (!in.eof() || !all_finite || (numbers.size() != count && !trimmed(text).empty()))
        throw DataError(concat(place, ": '", text, "' must be ", count, " numbers with spaces between them"));
    return numbers;
}

/// The columns of a table of prompts, by any of their names.
class Columns {
public:
    explicit Columns(const data::CsvTable& table) : table_(table) {
        for (const auto& name : table.header) names_.push_back(data::plain_word(name));
        if (!find({"question", "prompt", "description"}) && !find({"point"}) && !find({"box"}))
            throw DataError(concat(table.file.string(), ":1: has none of the columns question, point, box; it has ",
                                   core::join(table.header)));
    }
    std::string cell(const data::CsvTable::Row& row, std::initializer_list<const char*> any) const {
        const auto column = find(any);
        return column ? trimmed(row.cells[*column]) : "";
    }

private:
    std::optional<size_t> find(std::initializer_list<const char*> any) const {
        for (const std::string name : any) {
            const auto found = std::ranges::find(names_, name);
            if (found != names_.end()) return static_cast<size_t>(found - names_.begin());
        }
        return std::nullopt;
    }
    const data::CsvTable& table_;
    std::vector<std::string> names_;
};

/// "case.png", "case.nii.gz" and "case" mean the same case.
std::string case_of(const std::string& name) {
    if (const auto stem = data::volume_stem(name); !stem.empty()) return stem;
    return data::is_picture(name) ? std::filesystem::path(name).stem().string() : name;
}

}  // namespace

std::string GivenPrompt::text() const {
    if (!point_mm.empty()) return concat("point ", core::join(point_mm, " "));
    return box_mm.empty() ? words : concat("box ", core::join(box_mm, " "));
}

PromptList::PromptList(const std::string& words) : where_("--prompt") {
    if (trimmed(words).empty()) throw DataError("--prompt is empty: say what is to be segmented");
    entries_.push_back({"", {.words = trimmed(words), .point_mm = {}, .box_mm = {}}});
}

PromptList PromptList::from_file(const std::filesystem::path& file) {
    PromptList list;
    list.where_ = file.string();
    const bool is_table = file.extension() == ".csv" || file.extension() == ".tsv";
    if (is_table) {
        const auto table = data::read_csv(file);
        const Columns columns(table);
        for (const auto& row : table.rows) {
            const std::string place = table.place(row);
            GivenPrompt prompt{.words = columns.cell(row, {"question", "prompt", "description"}),
                               .point_mm = numbers_of(columns.cell(row, {"point"}), 3, place),
                               .box_mm = numbers_of(columns.cell(row, {"box"}), 6, place)};
            const int given =
                (prompt.words.empty() ? 0 : 1) + (prompt.point_mm.empty() ? 0 : 1) + (prompt.box_mm.empty() ? 0 : 1);
            if (given != 1)
                throw DataError(concat(place, given == 0 ? ": has no prompt" : ": has more than one prompt",
                                       ": give a question, a point or a box"));
            list.entries_.push_back({case_of(columns.cell(row, {"image_name", "case", "id"})), std::move(prompt)});
        }
    } else {
        std::ifstream in(file);
        if (!in) throw DataError(concat(file.string(), ": cannot be read"));
        for (std::string line; std::getline(in, line);)
            if (!trimmed(line).empty())
                list.entries_.push_back({"", {.words = trimmed(line), .point_mm = {}, .box_mm = {}}});
    }
    if (list.entries_.empty()) throw DataError(concat(file.string(), ": has no prompt"));
    return list;
}

std::vector<GivenPrompt> PromptList::of_case(const std::string& id) const {
    std::vector<GivenPrompt> prompts;
    for (const auto& entry : entries_)
        if (entry.id.empty() || entry.id == id) prompts.push_back(entry.prompt);
    if (prompts.empty())
        throw DataError(
            concat("there is no prompt for it in ", where_, ": add a line with its name, or one without a name"));
    return prompts;
}

std::vector<GivenPrompt> PromptList::all() const {
    std::vector<GivenPrompt> prompts;
    for (const auto& entry : entries_) prompts.push_back(entry.prompt);
    return prompts;
}

void PromptList::check_cases(const std::vector<std::string>& ids) const {
    for (const auto& entry : entries_) {
        if (entry.id.empty() || std::ranges::find(ids, entry.id) != ids.end()) continue;
        const std::string near = core::nearest(entry.id, ids);
        throw DataError(concat(where_, ": the prompt '", entry.prompt.text(), "' is for the case '", entry.id,
                               "', which the input does not have",
                               near.empty() ? "" : concat("; did you mean '", near, "'?")));
    }
}

}  // namespace vox::app
