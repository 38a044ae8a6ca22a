#include "checkpoint/folders.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "checkpoint/file.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::checkpoint {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view step_prefix = "step_";
constexpr uint64_t manifest_limit = 64 << 20;  // a thousand times what a large model needs

std::optional<int64_t> step_of(const std::string& name) {
    if (!name.starts_with(step_prefix)) return std::nullopt;
    const char* end = name.data() + name.size();
    int64_t step = -1;
    std::from_chars(name.data() + step_prefix.size(), end, step);
    if (step < 0 || folder_name(step) != name) return std::nullopt;
    return step;
}

bool better(const Metric& a, const Metric& b) {
    if (std::isnan(a.value) || std::isnan(b.value)) return !std::isnan(a.value) && std::isnan(b.value);
    return a.higher_is_better ? a.value > b.value : a.value < b.value;
}

}  // namespace

std::string folder_name(int64_t step) {
    const std::string digits = std::to_string(step);
    return core::concat(step_prefix, std::string(digits.size() < 8 ? 8 - digits.size() : 0, '0'), digits);
}

std::vector<int64_t> list_steps(const fs::path& checkpoints) {
    std::vector<int64_t> steps;
    if (!fs::is_directory(checkpoints)) return steps;
    for (const auto& entry : fs::directory_iterator(checkpoints)) {
        const auto step = step_of(entry.path().filename().string());
        if (step && is_real_folder(entry.path())) steps.push_back(*step);
    }
    std::sort(steps.rbegin(), steps.rend());
    return steps;
}

ManifestFile read_manifest(const fs::path& folder) {
    const fs::path file = folder / manifest_file;
    if (!is_real_file(file)) throw core::DataError(core::concat(file.string(), " is missing or not a plain file"));
    return parse_manifest(read_text(file, manifest_limit), file.string());
}

std::optional<int64_t> best_step(const std::vector<Ranked>& all, const std::string& phase) {
    const Ranked* best = nullptr;
    for (const auto& item : all) {
        if (!item.metric || item.phase != phase) continue;
        const bool wins = best == nullptr || better(*item.metric, *best->metric) ||
                          (!better(*best->metric, *item.metric) && item.step > best->step);
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
