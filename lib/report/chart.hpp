#pragma once
// A line chart as inline SVG with its legend, and the numbers behind it for the page's script.

#include <optional>
#include <string>
#include <vector>

#include "report/history.hpp"

namespace vox::report {

struct Chart {
    std::string title;
    std::string unit;  // of the vertical axis: "samples per second"
    std::vector<Series> series;
    double first_step = 0, last_step = 1;  // of the horizontal axis
    std::string axis = "step";  // what that axis has: optimizer steps, or another quantity, which need not be whole
    std::optional<double> low, high;       // of the vertical axis; none: what the data needs
    bool noisy = true;                     // many points get a running mean
    bool log_where_wide = false;           // logarithmic where positive values span more than a factor of 50
};

/// A <figure>: heading, SVG, legend.  Many points are drawn as a faint raw curve with its running mean on top.
std::string draw_chart(const Chart& chart);

/// Round numbers in [low, high], about `count` of them: 1, 2 or 5 times a power of ten apart.
std::vector<double> round_ticks(double low, double high, int count);

}  // namespace vox::report
