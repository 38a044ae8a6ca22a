#include "report/chart.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/text.hpp"
#include "report/number_text.hpp"

namespace vox::report {
namespace {

using core::concat;

// The drawing's own units; the page scales it to the card's width.
constexpr double kWidth = 480, kHeight = 270;
constexpr double kLeft = 74, kRight = 14, kTop = 12, kBottom = 44;
constexpr size_t kColours = 8;       // --c0 .. --c7 of the style sheet
constexpr size_t kManyPoints = 60;   // from here on a running mean is drawn
constexpr size_t kFewPoints = 30;    // up to here points are marked
constexpr size_t kMostPoints = 500;  // a curve of more is thinned out

std::string coordinate(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", value);
    return text;
}

/// From (step, value) to the drawing.
struct Scale {
    double x0, x1, y0, y1;
    bool logarithmic;

    double x(double step) const { return kLeft + (kWidth - kLeft - kRight) * (step - x0) / (x1 - x0); }
    double y(double value) const {
        const double share = logarithmic ? std::log(value / y0) / std::log(y1 / y0) : (value - y0) / (y1 - y0);
        return kHeight - kBottom - (kHeight - kTop - kBottom) * share;
    }
};

struct Range {
    double low = std::numeric_limits<double>::infinity();
    double high = -std::numeric_limits<double>::infinity();
    bool empty() const { return low > high; }
};

Range range_of(const std::vector<Series>& series) {
    Range range;
    for (const auto& one : series) {
        for (const double value : one.values) {
            if (!std::isfinite(value)) continue;
            range.low = std::min(range.low, value);
            range.high = std::max(range.high, value);
        }
    }
    return range;
}

Scale scale_of(const Chart& chart) {
    Range range = range_of(chart.series);
    if (range.empty()) range = {0.0, 1.0};
    const bool logarithmic = chart.log_where_wide && range.low > 0.0 && range.high / range.low > 50.0;
    if (logarithmic) {
        range = {range.low / 1.2, range.high * 1.2};
    } else {
        const double margin =
            range.high > range.low ? 0.06 * (range.high - range.low) : std::max(1e-12, 0.1 * std::abs(range.high));
        // Zero stays the floor of what cannot be negative.
        range = {range.low >= 0.0 ? std::max(0.0, range.low - margin) : range.low - margin, range.high + margin};
        range = {chart.low.value_or(range.low), chart.high.value_or(range.high)};
        if (range.high <= range.low) range.high = range.low + 1.0;
    }
    const double last = chart.last_step > chart.first_step ? chart.last_step : chart.first_step + 1.0;
    return {chart.first_step, last, range.low, range.high, logarithmic};
}

std::vector<double> vertical_ticks(const Scale& scale) {
    if (!scale.logarithmic) return round_ticks(scale.y0, scale.y1, 5);
    std::vector<double> ticks;
    const bool few_decades = scale.y1 / scale.y0 < 1e4;
    for (double decade = std::pow(10.0, std::floor(std::log10(scale.y0))); decade <= scale.y1; decade *= 10.0) {
        for (const double factor : {1.0, 3.0}) {
            if (factor != 1.0 && !few_decades) continue;
            if (decade * factor >= scale.y0 && decade * factor <= scale.y1) ticks.push_back(decade * factor);
        }
    }
    return ticks;
}

std::string axes(const Chart& chart, const Scale& scale) {
    std::string out = "<g class=\"axes\">";
    for (const double value : vertical_ticks(scale)) {
        const std::string y = coordinate(scale.y(value));
        out += concat("<line class=\"grid\" x1=\"", kLeft, "\" x2=\"", kWidth - kRight, "\" y1=\"", y, "\" y2=\"", y,
                      "\"/><text class=\"tick\" text-anchor=\"end\" dominant-baseline=\"middle\" x=\"", kLeft - 7,
                      "\" y=\"", y, "\">", number_text(value), "</text>");
    }
    const double bottom = kHeight - kBottom;
    for (const double value : round_ticks(scale.x0, scale.x1, 6)) {
        if (chart.axis == "step" && value != std::floor(value)) continue;  // there is no half step
        const std::string x = coordinate(scale.x(value));
        out += concat("<line class=\"mark\" x1=\"", x, "\" x2=\"", x, "\" y1=\"", bottom, "\" y2=\"", bottom + 4,
                      "\"/><text class=\"tick\" text-anchor=\"middle\" x=\"", x, "\" y=\"", bottom + 17, "\">",
                      number_text(value), "</text>");
    }
    out += concat("<line class=\"base\" x1=\"", kLeft, "\" x2=\"", kWidth - kRight, "\" y1=\"", bottom, "\" y2=\"",
                  bottom, "\"/>");
    out += concat("<text class=\"label\" text-anchor=\"middle\" x=\"", (kLeft + kWidth - kRight) / 2, "\" y=\"",
                  kHeight - 8, "\">", chart.axis == "step" ? "optimizer step" : escape_html(chart.axis), "</text>");
    const double middle = (kTop + bottom) / 2;
    out += concat("<text class=\"label\" text-anchor=\"middle\" transform=\"translate(12 ", middle, ") rotate(-90)\">",
                  escape_html(chart.unit), scale.logarithmic ? " (log)" : "", "</text></g>");
    return out;
}

/// Keeps the lowest and the highest of each stretch, so that spikes survive.
Series thinned(const Series& series) {
    const size_t count = series.values.size();
    if (count <= kMostPoints) return series;
    Series out{series.name, {}, {}};
    const size_t stretches = kMostPoints / 2;
    for (size_t i = 0; i < stretches; ++i) {
        const size_t begin = i * count / stretches, end = (i + 1) * count / stretches;
        size_t low = begin, high = begin;
        for (size_t at = begin; at < end; ++at) {
            // A nan goes for the lowest: it stays, as a gap in the curve.
            if (!std::isnan(series.values[low]) && !(series.values[at] >= series.values[low])) low = at;
            if (std::isnan(series.values[high]) || series.values[at] > series.values[high]) high = at;
        }
        for (const size_t at : {std::min(low, high), std::max(low, high)}) {
            out.steps.push_back(series.steps[at]);
            out.values.push_back(series.values[at]);
        }
    }
    return out;
}

/// Over a fortieth of the curve, centred; gaps are left out of it.
Series running_mean(const Series& series) {
    const auto count = static_cast<int64_t>(series.values.size());
    const int64_t reach = std::max<int64_t>(1, count / 80);
    Series out{series.name, series.steps, {}};
    for (int64_t at = 0; at < count; ++at) {
        double sum = 0.0;
        int64_t finite = 0;
        for (int64_t i = std::max<int64_t>(0, at - reach); i <= std::min(count - 1, at + reach); ++i) {
            const double value = series.values[static_cast<size_t>(i)];
            if (!std::isfinite(value)) continue;
            sum += value;
            ++finite;
        }
        out.values.push_back(finite > 0 ? sum / static_cast<double>(finite) : std::numeric_limits<double>::quiet_NaN());
    }
    return out;
}

std::string path(const Series& series, const Scale& scale, const std::string& css_class, size_t colour) {
    std::string d;
    bool pen_down = false;
    for (size_t i = 0; i < series.values.size(); ++i) {
        const double value = series.values[i];
        if (!std::isfinite(value)) {
            pen_down = false;
            continue;
        }
        d += concat(pen_down ? 'L' : 'M', coordinate(scale.x(series.steps[i])), ' ', coordinate(scale.y(value)));
        pen_down = true;
    }
    return concat("<path class=\"", css_class, "\" style=\"stroke:var(--c", colour % kColours, ")",
                  colour >= kColours ? ";stroke-dasharray:6 4" : "", "\" data-name=\"", escape_html(series.name),
                  "\" d=\"", d, "\"/>");
}

std::string points(const Series& series, const Scale& scale, size_t colour) {
    std::string out;
    for (size_t i = 0; i < series.values.size(); ++i) {
        if (!std::isfinite(series.values[i])) continue;
        out += concat("<circle style=\"fill:var(--c", colour % kColours, ")\" r=\"2.6\" cx=\"",
                      coordinate(scale.x(series.steps[i])), "\" cy=\"", coordinate(scale.y(series.values[i])), "\"/>");
    }
    return out;
}

std::string curve(const Series& series, const Scale& scale, bool noisy, size_t colour) {
    if (!noisy || series.values.size() < kManyPoints) {
        return path(thinned(series), scale, "curve", colour) +
               (series.values.size() <= kFewPoints ? points(series, scale, colour) : "");
    }
    return path(thinned(series), scale, "raw", colour) + path(thinned(running_mean(series)), scale, "curve", colour);
}

/// What the script reads to show the numbers under the pointer.
std::string numbers(const Chart& chart, const Scale& scale) {
    nlohmann::ordered_json out{
        {"axis", chart.axis}, {"x", {scale.x0, scale.x1}}, {"plot", {kLeft, kWidth - kRight, kTop, kHeight - kBottom}}};
    out["series"] = nlohmann::ordered_json::array();
    for (const auto& series : chart.series) {
        const Series thin = thinned(series);
        out["series"].push_back(
            {{"name", thin.name}, {"steps", thin.steps}, {"values", thin.values}});  // nan becomes null
    }
    const std::string text = out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    std::string safe;  // no "</script>" out of a name
    for (const char c : text) safe += c == '<' ? "\\u003c" : std::string(1, c);
    return concat("<script type=\"application/json\">", safe, "</script>");
}

std::string not_finite_note(const Chart& chart) {
    std::vector<std::string> notes;
    for (const auto& series : chart.series) {
        std::vector<int64_t> steps;
        for (size_t i = 0; i < series.values.size(); ++i) {
            if (!std::isfinite(series.values[i])) steps.push_back(static_cast<int64_t>(series.steps[i]));
        }
        if (steps.empty()) continue;
        const std::string more = steps.size() > 3 ? concat(" and ", steps.size() - 3, " more") : "";
        steps.resize(std::min<size_t>(steps.size(), 3));
        notes.push_back(concat(escape_html(series.name), " at step ", core::join(steps), more));
    }
    return notes.empty() ? "" : concat("<p class=\"warn\">Not finite: ", core::join(notes, "; "), "</p>");
}

std::string legend(const Chart& chart) {
    if (chart.series.size() < 2) return "";
    std::string out = "<ul class=\"legend\">";
    for (size_t i = 0; i < chart.series.size(); ++i) {
        out += concat("<li><i style=\"background:var(--c", i % kColours, ")\"></i>", escape_html(chart.series[i].name),
                      "</li>");
    }
    return out + "</ul>";
}

}  // namespace

std::vector<double> round_ticks(double low, double high, int count) {
    std::vector<double> ticks;
    if (!(high > low)) return {low};
    const double rough = (high - low) / count;
    const double power = std::pow(10.0, std::floor(std::log10(rough)));
    const double lead = rough / power;
    const double step = power * (lead <= 1.5 ? 1.0 : lead <= 3.0 ? 2.0 : lead <= 7.0 ? 5.0 : 10.0);
    for (auto i = std::ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; ++i) ticks.push_back(i * step);
    return ticks;
}

std::string draw_chart(const Chart& chart) {
    const Scale scale = scale_of(chart);
    std::string curves;
    bool smoothed = false;
    for (size_t i = 0; i < chart.series.size(); ++i) {
        curves += curve(chart.series[i], scale, chart.noisy, i);
        smoothed = smoothed || (chart.noisy && chart.series[i].values.size() >= kManyPoints);
    }
    return concat("<figure class=\"card chart\"><figcaption><h3>", escape_html(chart.title), "</h3>",
                  smoothed ? "<span>bold: running mean</span>" : "", "</figcaption><svg viewBox=\"0 0 ", kWidth, ' ',
                  kHeight, "\" role=\"img\" aria-label=\"", escape_html(chart.title), "\">", axes(chart, scale), curves,
                  "<line class=\"cursor\"/></svg>", legend(chart), not_finite_note(chart), numbers(chart, scale),
                  "</figure>");
}

}  // namespace vox::report
