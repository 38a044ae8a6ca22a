#include "report/html.hpp"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <vector>

#include "core/text.hpp"
#include "report/base64.hpp"
#include "report/curves.hpp"
#include "report/files.hpp"
#include "report/history.hpp"
#include "report/number_text.hpp"
#include "report/page.hpp"
#include "report/png.hpp"
#include "report/run_folder.hpp"

namespace vox::report {
namespace {

using core::concat;

constexpr size_t kMostSlices = 12;  // newest first; more would make the file heavy

std::string nothing_yet(const std::string& what) { return concat("<p class=\"soft\">", what, "</p>"); }

std::string section(const std::string& id, const std::string& title, const std::string& body) {
    return concat("<section id=\"", id, "\"><h2>", title, "</h2>", body, "</section>\n");
}

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    size_t begin = 0;
    for (size_t end = text.find(separator); end != std::string::npos;
         begin = end + 1, end = text.find(separator, begin)) {
        parts.push_back(text.substr(begin, end - begin));
    }
    parts.push_back(text.substr(begin));
    return parts;
}

// ---- the top: a few numbers ----

const Series* series_of(const History& history, const std::vector<SeriesGroup>& groups, const std::string& name) {
    const auto* group = history.find(groups, name);
    if (!group) return nullptr;
    for (const auto& series : group->series) {
        if (series.name == name) return &series;
    }
    return nullptr;
}

/// Finite values only.
std::vector<double> finite_values(const Series& series) {
    std::vector<double> values;
    std::copy_if(series.values.begin(), series.values.end(), std::back_inserter(values),
                 [](double v) { return std::isfinite(v); });
    return values;
}

std::string tile(const std::string& value, const std::string& name) {
    return concat("<div class=\"card\"><b>", escape_html(value), "</b><span>", escape_html(name), "</span></div>");
}

double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<int64_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

/// The median of a group over the run, ranks added up where it is a list.
std::string typical_throughput(const History& history) {
    const auto* group = history.find(history.steps, "samples_per_second");
    if (!group) return "";
    double total = 0.0;
    for (const auto& series : group->series) {
        const auto values = finite_values(series);
        if (!values.empty()) total += median(values);
    }
    return number_text(total);
}

std::string tiles(const History& history) {
    std::string out = tile(std::to_string(history.last_step), "optimizer steps");
    if (history.last_epoch >= 0) out += tile(std::to_string(history.last_epoch), "epoch");
    if (const auto* loss = series_of(history, history.steps, "loss"); loss && !loss->values.empty()) {
        out += tile(number_text(loss->values.back()), "last training loss");
    }
    if (const auto* dice = series_of(history, history.validation, "dice")) {
        const auto values = finite_values(*dice);
        if (!values.empty())
            out += tile(number_text(*std::max_element(values.begin(), values.end())), "best validation Dice (mean)");
    }
    if (const auto text = typical_throughput(history); !text.empty()) out += tile(text, "samples per second (median)");
    return concat("<div class=\"tiles\">", out, "</div>");
}

// ---- the parts ----

std::string charts(const std::vector<Chart>& all, const std::string& none) {
    if (all.empty()) return nothing_yet(none);
    std::string out = "<div class=\"grid\">";
    for (const auto& chart : all) out += draw_chart(chart);
    return out + "</div>";
}

std::string figure_row(const std::string& name, const Series& series) {
    const auto values = finite_values(series);
    if (values.empty()) return concat("<tr><td>", escape_html(name), "</td><td>not finite</td><td></td><td></td></tr>");
    const bool higher = higher_is_better(name);
    size_t best = 0;
    bool any = false;
    for (size_t i = 0; i < series.values.size(); ++i) {
        if (!std::isfinite(series.values[i])) continue;
        if (!any || (higher ? series.values[i] > series.values[best] : series.values[i] < series.values[best]))
            best = i;
        any = true;
    }
    return concat("<tr><td>", escape_html(name), "</td><td>", number_text(series.values.back()), "</td><td>",
                  number_text(series.values[best]), "</td><td>", static_cast<int64_t>(series.steps[best]),
                  "</td></tr>");
}

std::string figures(const History& history) {
    std::string out;
    if (!history.figures.empty()) {
        out += "<div class=\"card scroll\"><table><tr><th>final figure</th><th>value</th></tr>";
        for (const auto& [name, value] : history.figures) {
            out += concat("<tr><td>", escape_html(name), "</td><td>", escape_html(value), "</td></tr>");
        }
        out += "</table></div>";
    }
    if (!history.validation.empty()) {
        out +=
            "<div class=\"card scroll\"><table><tr><th>validation</th><th>last</th><th>best</th><th>at step</th></tr>";
        for (const auto& group : history.validation) {
            for (const auto& series : group.series) {
                out +=
                    figure_row(series.name == group.name ? group.name : concat(group.name, '/', series.name), series);
            }
        }
        out += "</table></div>";
    }
    return out.empty() ? nothing_yet("No figures yet: they come with the first validation.")
                       : concat("<div class=\"grid\">", out, "</div>");
}

std::string timings(const History& history) {
    if (history.timing.empty()) return nothing_yet("No timings yet.");
    double longest = 0.0;
    for (const auto& [name, seconds] : history.timing) longest = std::max(longest, seconds);
    std::string out =
        "<div class=\"card scroll\"><table><tr><th>part</th><th>time</th><th>share</th><th class=\"bar\"></th></tr>";
    for (const auto& [name, seconds] : history.timing) {
        const double share = longest > 0.0 ? 100.0 * seconds / longest : 0.0;
        out += concat("<tr><td>", escape_html(name), "</td><td>", core::human_seconds(seconds), "</td><td>",
                      std::lround(share), " %</td><td class=\"bar\"><i style=\"width:", share, "%\"></i></td></tr>");
    }
    return out + "</table></div><p class=\"soft\">Share of the longest part.</p>";
}

std::string text_of(const Image& image, const std::string& key) {
    for (const auto& [name, text] : image.texts) {
        if (name == key) return text;
    }
    return "";
}

std::string slice(const std::filesystem::path& file) {
    const std::string bytes = read_file_or_empty(file);
    const Image header = read_png_header(bytes);
    if (header.width == 0) return "";
    std::string titles;
    for (const auto& title : split(text_of(header, "panels"), '|'))
        titles += concat("<span>", escape_html(title), "</span>");
    std::string legend;
    if (const auto text = text_of(header, "legend"); !text.empty()) {
        for (const auto& entry : split(text, '|')) {
            const auto equals = entry.rfind('=');
            if (equals == std::string::npos) continue;
            legend += concat("<li><i style=\"background:", escape_html(entry.substr(equals + 1)), "\"></i>",
                             escape_html(entry.substr(0, equals)), "</li>");
        }
        legend = concat("<ul class=\"legend\">", legend, "</ul>");
    }
    const std::string name = escape_html(file.stem().string());
    return concat("<figure class=\"card slice\"><figcaption><h3>", name,
                  "</h3><span>rows: axial, coronal, sagittal; patient's right on the left</span></figcaption><div "
                  "class=\"titles\">",
                  titles, "</div><img alt=\"", name, "\" width=\"", header.width, "\" height=\"", header.height,
                  "\" style=\"height:auto\" src=\"data:image/png;base64,", base64(bytes), "\">", legend, "</figure>");
}

std::string slices(const RunPaths& paths) {
    std::vector<std::filesystem::path> files;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(paths.previews(), error)) {
        if (entry.path().extension() == ".png") files.push_back(entry.path());
    }
    std::sort(files.rbegin(), files.rend());  // names begin with the step: newest first
    std::string out;
    for (size_t i = 0; i < std::min(files.size(), kMostSlices); ++i) out += slice(files[i]);
    if (out.empty()) return nothing_yet("No previews yet.");
    const std::string more = files.size() > kMostSlices
                                 ? nothing_yet(concat(files.size() - kMostSlices, " older pictures are in previews/."))
                                 : "";
    return concat("<div class=\"slices\">", out, "</div>", more);
}

/// What write_chart has left; nothing where no task has drawn any.
std::string charts_of_best(const RunPaths& paths) {
    std::vector<std::filesystem::path> files;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(paths.charts(), error)) {
        if (entry.path().extension() == ".html") files.push_back(entry.path());
    }
    if (files.empty()) return "";
    std::sort(files.begin(), files.end());
    std::string out;
    for (const auto& file : files) out += read_file_or_empty(file);
    return section("best", "Best validation", concat("<div class=\"grid\">", out, "</div>"));
}

std::string configuration(const RunPaths& paths) {
    const std::string yaml = read_file_or_empty(paths.config());
    if (yaml.empty()) return nothing_yet("No configuration (config.yaml) in this folder.");
    std::string out;
    for (const auto& line : split(yaml, '\n')) {
        const auto note = line.starts_with('#') ? 0 : line.find(" #");
        out += escape_html(line.substr(0, note));
        if (note != std::string::npos)
            out += concat("<span class=\"note\">", escape_html(line.substr(note)), "</span>");
        out += '\n';
    }
    return concat("<div class=\"card\"><pre>", out, "</pre></div>");
}

std::string date_and_time() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    localtime_r(&now, &parts);
    char text[64];
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &parts);
    return text;
}

}  // namespace

std::string render_report(const std::filesystem::path& run_folder) {
    const RunPaths paths{run_folder};
    const History history = read_history(paths.metrics());
    const auto full = std::filesystem::absolute(run_folder).lexically_normal();
    const std::string name = escape_html((full.has_filename() ? full : full.parent_path()).filename().string());
    const std::string damaged = history.damaged_lines > 0
                                    ? concat("<p class=\"warn\">", history.damaged_lines,
                                             " damaged lines of metrics.jsonl were passed over.</p>")
                                    : "";
    return concat(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>",
        name, " - Voxrank</title><link rel=\"icon\" href=\"data:,\"><style>", kPageStyle,
        "</style></head><body><main>\n<h1>", name, "</h1><p class=\"soft\">Voxrank training report, written ",
        date_and_time(), "</p>", damaged, tiles(history),
        section("training", "Training", charts(training_charts(history), "No step was logged yet.")),
        section("validation", "Validation", charts(validation_charts(history), "No validation yet.")),
        charts_of_best(paths), section("slices", "Slices", slices(paths)),
        section("figures", "Figures", figures(history)), section("timings", "Timings", timings(history)),
        section("configuration", "Configuration", configuration(paths)), "</main>\n<script>", kPageScript,
        "</script></body></html>\n");
}

void write_chart(const std::filesystem::path& run_folder, const std::string& name, const Chart& chart) {
    const auto folder = RunPaths{run_folder}.charts();
    std::error_code error;
    std::filesystem::create_directories(folder, error);  // replace_file says what is wrong
    replace_file(folder / (name + ".html"), draw_chart(chart));
}

void write_report(const std::filesystem::path& run_folder) {
    replace_file(RunPaths{run_folder}.report(), render_report(run_folder));
}

}  // namespace vox::report
