#pragma once
// A run's metrics.jsonl read back as curves.

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace vox::report {

/// One curve: a value per step, in the order of the file; nan where the file has no finite number.
struct Series {
    std::string name;
    std::vector<double> steps;
    std::vector<double> values;
};

/// The curves that share a name before the slash: "loss", "loss/dice", "loss/ce" are the group "loss".  A list (one number a
/// rank) gives the curves "rank 0", "rank 1", ...
struct SeriesGroup {
    std::string name;
    std::vector<Series> series;
};

struct History {
    std::vector<SeriesGroup> steps;  // of lines of kind "step", in the order of their first appearance
    std::vector<SeriesGroup> validation;  // of lines of kind "validation"
    std::vector<std::pair<std::string, double>> timing;  // the last line of kind "timing": name, seconds
    std::vector<std::pair<std::string, std::string>> figures;  // the last line of kind "final": name, value as text
    int64_t first_step = 0, last_step = 0;
    int64_t last_epoch = -1;
    int64_t damaged_lines = 0;  // passed over; a half-written last line does not count

    const SeriesGroup* find(const std::vector<SeriesGroup>& groups, const std::string& name) const;
};

/// Empty where the file is not there.
History read_history(const std::filesystem::path& metrics_file);

}  // namespace vox::report
