#include "data/survival_cells.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "core/text.hpp"

namespace vox::data {
namespace {

using core::concat;

std::string trimmed(const std::string& text) {
    const size_t first = text.find_first_not_of(" \t");
    return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Why a cell says nothing, or an empty text where it says something.
std::string nothing_in(const std::string& cell) {
    if (trimmed(cell).empty()) return "is blank";
    return says_nothing(cell) ? concat("is ", cell) : "";
}

/// What stands between "ALIVE (" and " days later)"; nothing for another text.
std::optional<std::string> days_alive(const std::string& cell) {
    constexpr std::string_view kBefore = "alive (", kAfter = " days later)";
    const std::string word = plain_word(cell);
    if (!word.starts_with(kBefore) || !word.ends_with(kAfter) || word.size() < kBefore.size() + kAfter.size())
        return std::nullopt;
    return word.substr(kBefore.size(), word.size() - kBefore.size() - kAfter.size());
}

}  // namespace

std::string plain_word(const std::string& text) {
    std::string word = trimmed(text);
    for (char& c : word) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return word;
}

bool says_nothing(const std::string& cell) {
    constexpr std::array<std::string_view, 5> kWords{"", "na", "n/a", "nan", "null"};
    return std::ranges::find(kWords, plain_word(cell)) != kWords.end();
}

TimeCell time_of(const std::string& cell) {
    if (auto nothing = nothing_in(cell); !nothing.empty()) return {.problem = std::move(nothing)};
    const std::string text = trimmed(cell);
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (end != text.data() + text.size() || error == std::errc::invalid_argument)
        return {.problem = concat("is '", cell, "', which is no number")};
    if (error != std::errc{} || !std::isfinite(value)) return {.problem = concat("is ", cell, ", which is not finite")};
    if (value < 0) return {.problem = concat("is ", cell, ", which is negative")};
    return {.time = value == 0 ? 0 : value};  // -0 is 0
}

TimeCell brats_time_of(const std::string& cell) {
    const auto days = days_alive(cell);
    if (!days) return time_of(cell);
    TimeCell found = time_of(*days);
    found.alive = true;
    if (!found.problem.empty()) found.problem = concat("is '", cell, "', which tells no number of days");
    return found;
}

WordCell event_of(const std::string& cell) {
    if (auto nothing = nothing_in(cell); !nothing.empty()) return {{}, std::move(nothing)};
    const std::string word = plain_word(cell);
    if (word == "1" || word == "true" || word == "yes") return {"1"};
    if (word == "0" || word == "false" || word == "no") return {"0"};
    return {{}, concat("is '", cell, "', not 0, 1, true, false, yes or no")};
}

WordCell split_of(const std::string& cell) {
    if (auto nothing = nothing_in(cell); !nothing.empty()) return {{}, std::move(nothing)};
    const std::string word = plain_word(cell);
    if (word == "train" || word == "test" || word == "val") return {word};
    if (word == "valid" || word == "validation") return {"val"};
    return {{}, concat("is '", cell, "', not train, val or test")};
}

std::string shortest_decimal(double value) {
    std::array<char, 2000> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed).ptr;
    return {text.data(), end};
}

}  // namespace vox::data
