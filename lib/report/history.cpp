#include "report/history.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "report/number_text.hpp"

namespace vox::report {
namespace {

using Json = nlohmann::ordered_json;

double number_or_nan(const Json& value) {
    return value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

template <class Items>
auto& named(Items& items, const std::string& name) {
    const auto found = std::find_if(items.begin(), items.end(), [&](const auto& item) { return item.name == name; });
    if (found != items.end()) return *found;
    items.emplace_back();
    items.back().name = name;
    return items.back();
}

void add_point(SeriesGroup& group, const std::string& name, double step, double value) {
    Series& series = named(group.series, name);
    series.steps.push_back(step);
    series.values.push_back(value);
}

void add_field(std::vector<SeriesGroup>& groups, const std::string& key, double step, const Json& value) {
    const auto slash = key.find('/');
    const std::string group = key.substr(0, slash);
    if (value.is_array()) {
        for (size_t rank = 0; rank < value.size(); ++rank) {
            add_point(named(groups, group), "rank " + std::to_string(rank), step, number_or_nan(value[rank]));
        }
    } else if (value.is_number() || value.is_null()) {
        add_point(named(groups, group), slash == std::string::npos ? key : key.substr(slash + 1), step,
                  number_or_nan(value));
    }
}

/// The rest says where a line belongs, or how much work a validation was: no figure that moves.
bool is_curve(const std::string& kind, const std::string& key) {
    if (key == "kind" || key == "step" || key == "epoch") return false;
    return kind != "validation" || (key != "cases" && key != "seconds");
}

void add_line(History& history, const Json& line) {
    const std::string kind = line.value("kind", "");
    const double step = line["step"].get<double>();
    if (kind == "timing") history.timing.clear();
    if (kind == "final") history.figures.clear();
    for (const auto& [key, value] : line.items()) {
        if (!is_curve(kind, key)) continue;
        if (kind == "step") add_field(history.steps, key, step, value);
        if (kind == "validation") add_field(history.validation, key, step, value);
        if (kind == "timing" && value.is_number()) history.timing.emplace_back(key, value.get<double>());
        if (kind == "final" && value.is_number()) history.figures.emplace_back(key, number_text(value.get<double>()));
        if (kind == "final" && value.is_string()) history.figures.emplace_back(key, value.get<std::string>());
    }
    if (const auto epoch = line.find("epoch"); epoch != line.end() && epoch->is_number_integer()) {
        history.last_epoch = std::max(history.last_epoch, epoch->get<int64_t>());
    }
}

}  // namespace

const SeriesGroup* History::find(const std::vector<SeriesGroup>& groups, const std::string& name) const {
    const auto found =
        std::find_if(groups.begin(), groups.end(), [&](const auto& group) { return group.name == name; });
    return found == groups.end() ? nullptr : &*found;
}

History read_history(const std::filesystem::path& metrics_file) {
    History history;
    std::ifstream in(metrics_file, std::ios::binary);
    std::string text;
    bool any = false;
    while (std::getline(in, text)) {
        const bool half_written = in.eof();
        const Json line = Json::parse(text, nullptr, false);
        if (!line.is_object() || !line.contains("step") || !line["step"].is_number_integer()) {
            if (!half_written) ++history.damaged_lines;
            continue;
        }
        const auto step = line["step"].get<int64_t>();
        history.first_step = any ? std::min(history.first_step, step) : step;
        history.last_step = any ? std::max(history.last_step, step) : step;
        any = true;
        add_line(history, line);
    }
    return history;
}

}  // namespace vox::report
