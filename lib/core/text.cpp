#include "core/text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

namespace vox::core {
namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t substitution = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitution});
        }
    }
    return row[b.size()];
}

}  // namespace

std::string nearest(std::string_view word, std::span<const std::string> candidates) {
    std::string best;
    size_t best_distance = std::max<size_t>(1, word.size() / 2) + 1;
    for (const auto& candidate : candidates) {
        const size_t distance = edit_distance(word, candidate);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

std::string join_first(std::span<const std::string> names, size_t most) {
    if (names.size() <= most) return join(names);
    return concat(join(names.first(most)), " and ", names.size() - most, " more");
}

std::string human_bytes(double bytes) {
    constexpr std::array<const char*, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    while (bytes >= 1024.0 && unit + 1 < kUnits.size()) {
        bytes /= 1024.0;
        ++unit;
    }
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), bytes < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", bytes, kUnits[unit]);
    return text.data();
}

std::string human_seconds(double seconds) {
    std::array<char, 48> text{};
    const long whole = static_cast<long>(seconds + 0.5);
    if (seconds < 60.0) {
        std::snprintf(text.data(), text.size(), "%.1f s", seconds);
    } else if (whole < 3600) {
        std::snprintf(text.data(), text.size(), "%ld min %02ld s", whole / 60, whole % 60);
    } else {
        std::snprintf(text.data(), text.size(), "%ld h %02ld min", whole / 3600, whole % 3600 / 60);
    }
    return text.data();
}

}  // namespace vox::core
