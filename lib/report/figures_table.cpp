#include "report/figures_table.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::report {
namespace {

using Json = nlohmann::ordered_json;

std::string fixed(double value) {
    if (std::isnan(value)) return "-";
    char text[32];
    std::snprintf(text, sizeof text, "%.4f", value);
    return text;
}

std::string padded(const std::string& text, size_t width, bool right) {
    const std::string space(width > text.size() ? width - text.size() : 0, ' ');
    return right ? space + text : text + space;
}

void write_text(const std::filesystem::path& file, const std::string& text) {
    std::error_code ignored;
    std::filesystem::create_directories(file.parent_path(), ignored);
    std::ofstream out(file, std::ios::binary);
    out << text;
    if (!out.flush())
        throw core::WriteError(
            core::concat("cannot write ", file.string(), ": is the folder writable and the disk not full?"));
}

/// JSON has no infinity.
void put(Json& object, const std::string& name, double value) {
    object[name] = std::isfinite(value) ? Json(value) : Json(nullptr);
    if (std::isinf(value)) object[name + ".text"] = value > 0 ? "inf" : "-inf";
}

Json object_of(const std::vector<std::string>& names, const std::vector<double>& values) {
    Json result = Json::object();
    for (size_t c = 0; c < values.size(); ++c) put(result, names[c], values[c]);
    return result;
}

}  // namespace

std::vector<double> FiguresTable::means() const {
    std::vector<double> result;
    for (size_t c = 0; c < columns.size(); ++c) {
        double sum = 0, count = 0;
        for (const auto& row : rows) {
            if (std::isnan(row.values.at(c))) continue;
            sum += row.values[c];
            ++count;
        }
        result.push_back(count > 0 ? sum / count : std::nan(""));
    }
    return result;
}

std::string to_text(const FiguresTable& table) {
    size_t first = std::max(table.id_title.size(), size_t{4});
    for (const auto& row : table.rows) first = std::max(first, row.id.size());
    std::string text = padded(table.id_title, first, false);
    for (const auto& column : table.columns) text += padded(column, std::max(column.size(), size_t{6}) + 2, true);
    const auto line = [&](const std::string& id, const std::vector<double>& values) {
        text += '\n' + padded(id, first, false);
        for (size_t c = 0; c < values.size(); ++c)
            text += padded(fixed(values[c]), std::max(table.columns[c].size(), size_t{6}) + 2, true);
    };
    for (const auto& row : table.rows) {
        line(row.id, row.values);
        if (table.names_runs) text += "  " + row.run;
    }
    line("mean", table.means());
    text += '\n';
    for (const auto& [name, value] : table.all_cases) text += core::concat(name, ' ', fixed(value), '\n');
    if (!table.note.empty()) text += table.note + '\n';
    return text;
}

void write_json(const std::filesystem::path& file, const FiguresTable& table) {
    Json root{{"note", table.note}, {"mean", object_of(table.columns, table.means())}};
    for (const auto& [name, value] : table.all_cases) put(root["all_cases"], name, value);
    root["cases"] = Json::object();
    for (const auto& row : table.rows) {
        auto& one = root["cases"][row.id] = object_of(table.columns, row.values);
        if (table.names_runs) one["run"] = row.run;
    }
    write_text(file, root.dump(2) + '\n');
}

std::string csv_cell(const std::string& text) {
    if (text.find_first_of(",\"\n") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + '"';
}

void write_csv(const std::filesystem::path& file, const FiguresTable& table) {
    std::string text = csv_cell(table.id_title) + (table.names_runs ? ",run" : "");
    for (const auto& column : table.columns) text += ',' + csv_cell(column);
    for (const auto& row : table.rows) {
        text += '\n' + csv_cell(row.id) + (table.names_runs ? ',' + csv_cell(row.run) : "");
        for (const double value : row.values) {
            char number[32] = "";
            if (!std::isnan(value)) std::snprintf(number, sizeof number, "%.17g", value);
            text += core::concat(',', number);
        }
    }
    write_text(file, text + '\n');
}

}  // namespace vox::report
