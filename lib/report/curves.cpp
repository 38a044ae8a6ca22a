#include "report/curves.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>

namespace vox::report {
namespace {

enum class OverRanks { total, mean };

/// How a known group is shown.
struct Style {
    std::string title;
    std::string unit;
    std::string bare_name;  // of the number whose name is the group's own: "loss" beside "loss/dice"
    double factor = 1.0;
    OverRanks over_ranks = OverRanks::mean;
    bool log_where_wide = false;
    std::optional<double> low, high;
};

// In the order of the page.
const std::vector<std::pair<std::string, Style>>& training_styles() {
    static const std::vector<std::pair<std::string, Style>> styles{
        {"loss", {"Loss", "loss", "total", 1.0, OverRanks::mean, true, {}, {}}},
        {"lr", {"Learning rate", "learning rate", "lr", 1.0, OverRanks::mean, false, 0.0, {}}},
        {"grad_norm", {"Gradient norm", "L2 norm", "all parameters", 1.0, OverRanks::mean, true, {}, {}}},
        {"samples_per_second",
         {"Throughput", "samples per second", "all ranks", 1.0, OverRanks::total, false, 0.0, {}}},
        {"data_wait_share",
         {"Waiting for data", "% of step time", "all ranks", 100.0, OverRanks::mean, false, 0.0, {}}},
        {"memory_bytes",
         {"Memory", "GiB", "rank 0", 1.0 / (1024.0 * 1024.0 * 1024.0), OverRanks::mean, false, 0.0, {}}},
        {"step_seconds", {"Step time", "seconds per step", "step", 1.0, OverRanks::mean, true, {}, {}}},
    };
    return styles;
}

const std::vector<std::pair<std::string, Style>>& validation_styles() {
    static const std::vector<std::pair<std::string, Style>> styles{
        {"dice", {"Validation Dice", "Dice", "mean", 1.0, OverRanks::mean, false, 0.0, 1.0}},
        {"hd95", {"Validation HD95", "mm", "mean", 1.0, OverRanks::mean, false, 0.0, {}}},
        {"hd100", {"Validation Hausdorff distance", "mm", "mean", 1.0, OverRanks::mean, false, 0.0, {}}},
        {"assd", {"Validation average surface distance", "mm", "mean", 1.0, OverRanks::mean, false, 0.0, {}}},
        {"lesion_ap", {"Validation: lesions", "average precision", "all cases", 1.0, OverRanks::mean, false, 0.0, 1.0}},
        {"lesion_auroc",
         {"Validation: cases with lesions", "AUROC", "all cases", 1.0, OverRanks::mean, false, 0.0, 1.0}},
        {"loss", {"Validation loss", "loss", "total", 1.0, OverRanks::mean, true, {}, {}}},
    };
    return styles;
}

std::string sentence(std::string name) {
    std::replace(name.begin(), name.end(), '_', ' ');
    if (!name.empty() && name[0] >= 'a' && name[0] <= 'z') name[0] = static_cast<char>(name[0] - 'a' + 'A');
    return name;
}

bool is_rank(const Series& series) { return series.name.starts_with("rank "); }

/// A curve over all ranks, made of theirs: `combine` gets the values of one step.
template <class Combine>
Series over_ranks(const std::vector<Series>& ranks, const std::string& name, Combine combine) {
    std::map<double, std::vector<double>> by_step;
    for (const auto& rank : ranks) {
        for (size_t i = 0; i < rank.steps.size(); ++i) by_step[rank.steps[i]].push_back(rank.values[i]);
    }
    Series out{name, {}, {}};
    for (const auto& [step, values] : by_step) {
        out.steps.push_back(step);
        out.values.push_back(combine(values));
    }
    return out;
}

double sum(const std::vector<double>& values) {
    double total = 0.0;
    for (const double value : values) total += value;
    return total;
}

/// Few ranks are shown each; of many the extremes.
std::vector<Series> with_ranks_joined(const std::vector<Series>& series, const Style& style) {
    std::vector<Series> ranks, out;
    for (const auto& one : series) (is_rank(one) ? ranks : out).push_back(one);
    if (ranks.size() == 1) ranks[0].name = style.bare_name;
    if (ranks.size() > 1 && style.over_ranks == OverRanks::total) out.push_back(over_ranks(ranks, "all ranks", sum));
    if (ranks.size() <= 4) {
        out.insert(out.end(), ranks.begin(), ranks.end());
        return out;
    }
    out.push_back(
        over_ranks(ranks, "least of a rank", [](const auto& v) { return *std::min_element(v.begin(), v.end()); }));
    out.push_back(
        over_ranks(ranks, "mean of ranks", [](const auto& v) { return sum(v) / static_cast<double>(v.size()); }));
    out.push_back(
        over_ranks(ranks, "most of a rank", [](const auto& v) { return *std::max_element(v.begin(), v.end()); }));
    return out;
}

Chart chart_of(const SeriesGroup& group, const Style& style, const History& history) {
    Chart chart;
    chart.title = style.title;
    chart.unit = style.unit;
    chart.series = with_ranks_joined(group.series, style);
    chart.low = style.low;
    chart.high = style.high;
    chart.noisy = group.name != "lr" && group.name != "memory_bytes";
    chart.log_where_wide = style.log_where_wide;
    // A short stretch at the end of a long run is not squeezed to the right.
    const auto first = static_cast<double>(history.first_step), last = static_cast<double>(history.last_step);
    chart.first_step = first < 0.5 * last ? 0.0 : first;
    chart.last_step = last;
    for (auto& series : chart.series) {
        if (series.name == group.name) series.name = style.bare_name;
        for (auto& value : series.values) value *= style.factor;
    }
    return chart;
}

std::vector<Chart> charts_of(const std::vector<SeriesGroup>& groups,
                             const std::vector<std::pair<std::string, Style>>& styles, const std::string& prefix,
                             const History& history) {
    std::vector<Chart> charts;
    for (const auto& [name, style] : styles) {
        if (const auto* group = history.find(groups, name)) charts.push_back(chart_of(*group, style, history));
    }
    for (const auto& group : groups) {
        const bool known =
            std::any_of(styles.begin(), styles.end(), [&](const auto& style) { return style.first == group.name; });
        if (known) continue;
        Style style{
            prefix + sentence(group.name), sentence(group.name), group.name, 1.0, OverRanks::mean, true, {}, {}};
        charts.push_back(chart_of(group, style, history));
    }
    return charts;
}

}  // namespace

std::vector<Chart> training_charts(const History& history) {
    return charts_of(history.steps, training_styles(), "", history);
}

std::vector<Chart> validation_charts(const History& history) {
    return charts_of(history.validation, validation_styles(), "Validation: ", history);
}

bool higher_is_better(const std::string& figure) {
    constexpr std::array kLess{"loss", "hd",   "asd", "assd",  "error", "mae",      "mse",    "brier",
                               "ibs",  "rmse", "nll", "lpips", "fid",   "distance", "seconds"};
    const std::string group = figure.substr(0, figure.find('/'));
    return std::none_of(kLess.begin(), kLess.end(), [&](const char* start) { return group.starts_with(start); });
}

}  // namespace vox::report
