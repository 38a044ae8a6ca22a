#include "checkpoint/folders.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <functional>
#include <set>
#include <utility>

#include "checkpoint/file.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::checkpoint {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view step_prefix = "step_";
constexpr uint64_t manifest_limit = 64 << 20;  // a thousand times what a large model needs

/// Four digits after the point, or of what is too small or too large for that.
std::string figure_text(double value) {
    if (std::isnan(value)) return "nan";
    const double size = std::abs(value);
    char text[32];
    std::snprintf(text, sizeof text, size == 0 || (size >= 0.01 && size < 1e6) ? "%.4f" : "%.3e", value);
    return text;
}

/// "_dice=0.8312": names keep what needs no quoting in a shell.
std::string figure_part(const Metric& metric) {
    std::string name = metric.name;
    for (char& c : name)
        if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '.') c = '-';
    return core::concat('_', name, '=', figure_text(metric.value));
}

bool is_figure_part(std::string_view text) {
    const auto equals = text.find('=');
    if (!text.starts_with('_') || equals == std::string_view::npos || equals < 2) return false;
    const char* end = text.data() + text.size();
    double value = 0;
    const auto [stop, error] = std::from_chars(text.data() + equals + 1, end, value);
    return error == std::errc{} && stop == end;
}

/// Nothing for other names: a copy of a checkpoint under a name of its own is the user's.
std::optional<int64_t> step_of(const std::string& name) {
    if (!name.starts_with(step_prefix)) return std::nullopt;
    int64_t step = -1;
    std::from_chars(name.data() + step_prefix.size(), name.data() + name.size(), step);
    if (step < 0) return std::nullopt;
    const std::string plain = folder_name(step);
    if (!name.starts_with(plain)) return std::nullopt;
    if (name.size() > plain.size() && !is_figure_part(std::string_view(name).substr(plain.size()))) return std::nullopt;
    return step;
}

bool better(const Metric& a, const Metric& b) {
    if (std::isnan(a.value) || std::isnan(b.value)) return !std::isnan(a.value) && std::isnan(b.value);
    return a.higher_is_better ? a.value > b.value : a.value < b.value;
}

}  // namespace

std::string folder_name(int64_t step, const std::optional<Metric>& metric) {
    const std::string digits = std::to_string(step);
    return core::concat(step_prefix, std::string(digits.size() < 8 ? 8 - digits.size() : 0, '0'), digits,
                        metric ? figure_part(*metric) : "");
}

std::vector<Found> list_folders(const fs::path& checkpoints) {
    std::vector<Found> all;
    if (!fs::is_directory(checkpoints)) return all;
    for (const auto& entry : fs::directory_iterator(checkpoints)) {
        const auto step = step_of(entry.path().filename().string());
        if (step && is_real_folder(entry.path())) all.push_back({*step, entry.path()});
    }
    std::ranges::sort(all, std::greater{}, [](const Found& one) { return std::pair(one.step, one.folder); });
    return all;
}

ManifestFile read_manifest(const fs::path& folder) {
    const fs::path file = folder / manifest_file;
    if (!is_real_file(file)) throw core::DataError(core::concat(file.string(), " is missing or not a plain file"));
    return parse_manifest(read_text(file, manifest_limit), file.string());
}

void check_name(const Found& found, const Manifest& manifest) {
    const std::string name = found.folder.filename().string();
    const std::string full = folder_name(manifest.step, manifest.metric);
    if (name != full && name != folder_name(manifest.step))
        throw core::DataError(core::concat(found.folder.string(), " holds ", full, ": it was renamed"));
}

std::vector<Ranked> list_ranked(const fs::path& checkpoints) {
    std::vector<Ranked> all;
    for (const auto& found : list_folders(checkpoints)) {
        try {
            const Manifest manifest = read_manifest(found.folder).manifest;
            check_name(found, manifest);
            all.push_back({found.step, manifest.phase, manifest.metric, found.folder});
        } catch (const core::DataError&) {
            // Damaged or renamed: it takes nobody's place among the best and the last, and stays for the user to look at.
        }
    }
    return all;
}

std::optional<int64_t> best_step(const std::vector<Ranked>& all, const std::string& phase) {
    const Ranked *best = nullptr, *newest = nullptr;
    for (const auto& item : all)
        if (item.metric && item.phase == phase && (newest == nullptr || item.step > newest->step)) newest = &item;
    for (const auto& item : all) {
        if (!item.metric || item.phase != phase || item.metric->name != newest->metric->name) continue;
        const bool wins = best == nullptr || better(*item.metric, *best->metric) ||
                          (!better(*best->metric, *item.metric) && item.step < best->step);
        if (wins) best = &item;
    }
    if (best == nullptr) return std::nullopt;
    return best->step;
}

std::vector<int64_t> steps_to_remove(const std::vector<Ranked>& all, const Ranked& newest, const Options& options) {
    std::vector<int64_t> steps;
    for (const auto& item : all) steps.push_back(item.step);
    std::sort(steps.rbegin(), steps.rend());

    std::set<int64_t> kept = {newest.step};
    kept.insert(steps.begin(), steps.begin() + std::min<ptrdiff_t>(options.keep_last, std::ssize(steps)));
    if (const auto best = best_step(all, newest.phase); best && options.keep_best) kept.insert(*best);
    std::erase_if(steps, [&](int64_t step) {
        return kept.contains(step) || (options.keep_every > 0 && step % options.keep_every == 0);
    });
    return steps;
}

}  // namespace vox::checkpoint
