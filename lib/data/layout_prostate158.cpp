#include <algorithm>
#include <array>
#include <map>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/csv.hpp"
#include "data/layouts.hpp"

namespace vox::data {
namespace {

namespace fs = std::filesystem;
using core::concat;
using core::DataError;

// Which file decides which split.
constexpr std::array<std::pair<const char*, const char*>, 3> kTables{
    {{"train.csv", "train"}, {"valid.csv", "val"}, {"test.csv", "test"}}};
constexpr const char* kNoTumour = "empty.nii.gz";

/// The cell of a row, and the file that it names.
struct Cell {
    Cell(const CsvTable& table, const CsvTable::Row& row, const std::string& name, const fs::path& input)
        : text(row.cells[table.column(name)]), file((input / text).lexically_normal()) {
        if (!text.empty() && !fs::is_regular_file(file)) {
            problem = concat(table.place(row), ": ", name, ": ", file.string(), " does not exist");
        } else if (!text.empty() && volume_stem(file).empty()) {
            problem = concat(table.place(row), ": ", name, ": ", file.string(), " is no .nii or .nii.gz file");
        }
    }
    std::string text;
    fs::path file;
    std::string problem;
};

void add_problem(CaseFiles& one, const std::string& problem) {
    one.problem += concat(one.problem.empty() ? "" : "; ", problem);
}

CaseFiles to_case(const CsvTable& table, const CsvTable::Row& row, const fs::path& input,
                  const std::vector<std::string>& channels, const std::string& label) {
    CaseFiles one;
    one.id = row.cells[table.column("ID")];
    if (one.id.empty()) throw DataError(concat(table.place(row), ": the ID is empty"));
    for (const auto& channel : channels) {
        const Cell cell(table, row, channel, input);
        if (cell.text.empty()) add_problem(one, concat(table.place(row), ": no ", channel));
        if (!cell.problem.empty()) add_problem(one, cell.problem);
        if (!cell.text.empty() && cell.problem.empty()) one.channels.push_back({channel, cell.file, -1});
    }
    const Cell cell(table, row, label, input);
    if (cell.text.empty()) return one;  // this reader did not see the case
    if (!cell.problem.empty() && cell.file.filename() == kNoTumour) {
        one.label_is_empty = true;  // the name says all that the file would
    } else if (!cell.problem.empty()) {
        add_problem(one, cell.problem);
    } else {
        one.label = cell.file;
    }
    return one;
}

}  // namespace

Prostate158Choice choose_prostate158(const std::string& task, const std::vector<std::string>& channels,
                                     const std::string& label) {
    const bool anatomy = label.find("_anatomy_") != std::string::npos,
               tumour = label.find("_tumor_") != std::string::npos;
    if (!label.empty() && !anatomy && !tumour) {
        throw core::UsageError(concat(
            "--label ", label, ": layout prostate158 has labels such as t2_anatomy_reader1 and ", "adc_tumor_reader1"));
    }
    if (!task.empty() && task != "anatomy" && task != "tumor")
        throw core::UsageError(concat("--task ", task, ": known are anatomy and tumor"));
    const std::string meant = !task.empty() ? task : tumour ? "tumor" : "anatomy";
    if (!label.empty() && (meant == "tumor") != tumour)
        throw core::UsageError(concat("--task ", task, " and --label ", label, " contradict each other"));
    Prostate158Choice choice;
    choice.scheme = "prostate158_" + meant;
    choice.channels = channels;
    choice.label = label;
    if (channels.empty() && meant == "tumor") choice.channels = {"t2", "adc", "dwi"};
    if (channels.empty() && meant == "anatomy") choice.channels = {"t2"};
    if (label.empty()) choice.label = meant == "tumor" ? "adc_tumor_reader1" : "t2_anatomy_reader1";
    return choice;
}

Listing list_prostate158(const fs::path& input, const Prostate158Choice& choice) {
    if (!fs::is_directory(input)) throw DataError(concat(input.string(), ": is not a folder"));
    Listing listing;
    listing.channels = choice.channels;
    listing.scheme_hint = choice.scheme;
    listing.label = choice.label;
    const auto& channels = choice.channels;
    listing.reference = std::find(channels.begin(), channels.end(), "t2") != channels.end() ? "t2" : channels.front();
    std::map<std::string, CaseFiles> cases;
    std::map<std::string, std::string> places;
    for (const auto& [name, split] : kTables) {
        if (!fs::exists(input / name)) continue;
        const CsvTable table = read_csv(input / name);
        for (const auto& row : table.rows) {
            CaseFiles one = to_case(table, row, input, channels, choice.label);
            one.split = split;
            const auto [known, is_new] = places.emplace(one.id, table.place(row));
            if (!is_new) throw DataError(concat(table.place(row), ": case ", one.id, " is already at ", known->second));
            cases.emplace(one.id, std::move(one));
        }
    }
    if (cases.empty()) {
        throw DataError(concat(input.string(), ": train.csv, valid.csv and test.csv are absent or list no case"));
    }
    for (auto& [id, one] : cases) listing.cases.push_back(std::move(one));
    return listing;
}

}  // namespace vox::data
