#include "tasks/fact_texts.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::tasks {

std::vector<std::string> split_text(const std::string& text) {
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
    return parts;
}

std::string exact_text(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.17g", value);
    return text;
}

std::string exact_texts(const std::vector<double>& values) {
    std::vector<std::string> parts;
    for (const double value : values) parts.push_back(exact_text(value));
    return core::join(parts, ",");
}

std::vector<double> numbers_of(const std::string& text) {
    std::vector<double> numbers;
    for (const auto& part : split_text(text)) numbers.push_back(std::strtod(part.c_str(), nullptr));
    return numbers;
}

const std::string& fact_of(const FactTexts& texts, const std::string& name, const std::string& task) {
    const auto found = texts.find(name);
    if (found == texts.end())
        throw core::DataError(
            core::concat("the checkpoint does not say '", name, "': it was not written by a ", task, " run"));
    return found->second;
}

void add_common_grid(FactTexts& texts, const data::CommonGrid& grid) {
    if (grid.reference.empty()) return;
    texts["grid_reference"] = grid.reference;
    texts["grid_spacing_mm"] = exact_texts({grid.spacing_mm.begin(), grid.spacing_mm.end()});
}

data::CommonGrid common_grid_of(const FactTexts& texts) {
    const auto reference = texts.find("grid_reference"), spacing = texts.find("grid_spacing_mm");
    if (reference == texts.end() || spacing == texts.end()) return {};
    data::CommonGrid grid{reference->second, {}};
    const auto numbers = numbers_of(spacing->second);
    if (numbers.size() != grid.spacing_mm.size())
        throw core::DataError("the checkpoint's grid_spacing_mm is not three numbers: " + spacing->second);
    std::ranges::copy(numbers, grid.spacing_mm.begin());
    return grid;
}

}  // namespace vox::tasks
