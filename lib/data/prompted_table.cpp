#include "data/prompted_table.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/case_info.hpp"
#include "data/colours.hpp"
#include "data/csv.hpp"
#include "data/prompt_words.hpp"
#include "data/survival_cells.hpp"

namespace vox::data {
namespace {

namespace fs = std::filesystem;
using core::concat;
using core::DataError;

/// Which column is what, by position.
struct Columns {
    std::optional<size_t> path, name, mask, split, question, answer, position;

    explicit Columns(const CsvTable& table) {
        path = find(table, {"image_path"});
        name = find(table, {"image_name"});
        mask = find(table, {"mask_path"});
        split = find(table, {"split"});
        question = find(table, {"question", "description"});
        answer = find(table, {"answer"});
        position = find(table, {"position"});
        if (!question) refuse(table, "no column is the question (question, description)");
        if (!path && !name) refuse(table, "no column is the image (image_path, image_name)");
    }

private:
    [[noreturn]] static void refuse(const CsvTable& table, const std::string& why) {
        throw DataError(
            concat(table.file.string(), ":1: ", why, ".  The columns are '", core::join(table.header, "', '"), "'."));
    }
    static std::optional<size_t> find(const CsvTable& table, const std::set<std::string>& names) {
        std::optional<size_t> found;
        for (size_t c = 0; c < table.header.size(); ++c) {
            if (!names.contains(plain_word(table.header[c]))) continue;
            if (found)
                refuse(table, concat("'", table.header[*found], "' and '", table.header[c], "' may both be meant"));
            found = c;
        }
        return found;
    }
};

/// The picture that a cell names; where it names a folder, the one of this name in it.
fs::path picture_at(const fs::path& folder, const std::string& cell, const std::string& name) {
    fs::path file = folder / (cell.empty() ? name : cell);
    std::error_code unusable;  // a name that is too long, for one, is no reason to stop
    if (!name.empty() && fs::is_directory(file, unusable)) file /= name;
    return file.lexically_normal();
}

std::string problem_with(const fs::path& picture) {
    std::error_code unusable;
    if (!fs::is_regular_file(picture, unusable)) return concat(picture.string(), " does not exist");
    if (!is_picture(picture)) return concat(picture.string(), " is no .png, .jpg or .jpeg file");
    return "";
}

/// Where the mask of an image is that no cell names: without an ending.  Nothing where no folder says "images".
std::optional<fs::path> mask_stem(const fs::path& image) {
    const std::string word = "images";
    std::vector<std::string> parts(image.begin(), image.end());
    for (size_t i = parts.size() - 1; i-- > 0;) {
        const size_t at = parts[i].rfind(word);
        if (at == std::string::npos) continue;
        parts[i].replace(at, word.size(), "masks");
        fs::path mask;
        for (const auto& part : parts) mask /= part;
        return mask.replace_extension();
    }
    return std::nullopt;
}

/// The mask that belongs to an image, or an empty path and why there is none.
fs::path find_mask(const fs::path& image, std::vector<std::string>& problems) {
    const auto stem = mask_stem(image);
    if (!stem) {
        problems.push_back(concat(image.string(), " has no folder 'images' above it, in whose place masks would lie"));
        return {};
    }
    std::vector<std::string> found;
    std::error_code unusable;
    for (const char* ending : {".png", ".jpg", ".jpeg", ".PNG", ".JPG", ".JPEG"}) {
        const std::string file = stem->string() + ending;
        if (fs::is_regular_file(file, unusable)) found.push_back(file);
    }
    if (found.empty()) problems.push_back(concat("there is no mask ", stem->string(), ".png, .jpg or .jpeg"));
    if (found.size() > 1) problems.push_back(concat("the mask is one of ", core::join(found), ": say it in mask_path"));
    return found.size() == 1 ? fs::path(found.front()) : fs::path();
}

class Reader {
public:
    Reader(const CsvTable& table, fs::path folder) : table_(table), columns_(table), folder_(std::move(folder)) {}

    PromptedLine read(const CsvTable::Row& row) const {
        PromptedLine line;
        line.asked.place = table_.place(row);
        line.id = concat("of line ", row.line);  // a line with a problem needs a name to be refused by
        if (row.cells.size() != table_.header.size()) {
            line.problems.push_back(concat(row.cells.size(), " cells where the header has ", table_.header.size()));
            return line;
        }
        const auto cell = [&](std::optional<size_t> column) {
            return column && !says_nothing(row.cells[*column]) ? row.cells[*column] : std::string();
        };
        line.asked.question = cell(columns_.question);
        line.asked.answer = cell(columns_.answer);
        line.asked.position = cell(columns_.position);
        if (words_of(line.asked.question).empty())
            line.problems.push_back(concat(table_.header[*columns_.question], " is blank"));
        if (columns_.split) read_split(row.cells[*columns_.split], line);
        read_files(cell(columns_.path), cell(columns_.name), cell(columns_.mask), line);
        return line;
    }

private:
    void read_split(const std::string& cell, PromptedLine& line) const {
        const WordCell split = split_of(cell);
        if (!split.problem.empty()) line.problems.push_back(concat(table_.header[*columns_.split], ' ', split.problem));
        line.split = split.word;
    }
    void read_files(const std::string& path, const std::string& name, const std::string& mask,
                    PromptedLine& line) const {
        if (path.empty() && name.empty()) {
            line.problems.emplace_back("no image is named");
            return;
        }
        line.image = picture_at(folder_, path, name);
        const fs::path named = fs::path(name.empty() ? line.image : fs::path(name)).filename();
        line.id = is_picture(named) ? named.stem().string() : named.string();
        try {
            check_case_id(line.id);
        } catch (const DataError& error) {
            line.problems.emplace_back(error.what());
        }
        if (auto problem = problem_with(line.image); !problem.empty()) {
            line.problems.push_back(std::move(problem));
            return;
        }
        line.asked.mask = mask.empty() ? find_mask(line.image, line.problems) : picture_at(folder_, mask, name);
        if (line.asked.mask.empty()) return;
        if (auto problem = problem_with(line.asked.mask); !problem.empty()) line.problems.push_back("mask " + problem);
    }

    const CsvTable& table_;
    const Columns columns_;
    fs::path folder_;
};

}  // namespace

std::vector<PromptedLine> read_prompted_table(const fs::path& file, const fs::path& folder) {
    const std::string ending = plain_word(file.extension().string());
    if (fs::is_directory(file) || (ending != ".csv" && ending != ".tsv"))
        throw DataError(concat(file.string(), ": layout prompted takes a table, TABLE.csv or TABLE.tsv"));
    const CsvTable table = read_csv(file, LinesOfOtherLength::kept);
    if (table.rows.empty()) throw DataError(concat(file.string(), ": lists no question"));
    if (!fs::is_directory(folder)) throw DataError(concat(folder.string(), ": is not a folder"));
    const Reader reader(table, folder);
    std::vector<PromptedLine> lines;
    for (const auto& row : table.rows) lines.push_back(reader.read(row));
    return lines;
}

}  // namespace vox::data
