#include "metrics/surface_distance.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>

#include "core/error.hpp"
#include "core/text.hpp"
#include "metrics/distance_transform.hpp"

namespace vox::metrics {
namespace {

template <class Enum>
struct Named {
    Enum value;
    std::string_view name;
    std::string_view meaning;
};

constexpr std::array hausdorff_definitions{
    Named{HausdorffDefinition::pooled, "pooled", "percentile of both directions together"},
    Named{HausdorffDefinition::max_directed, "max_directed", "larger one of the two directions' percentiles"}};
constexpr std::array average_definitions{
    Named{AverageDefinition::pooled, "pooled", "mean over both directions together"},
    Named{AverageDefinition::mean_of_directed, "mean_of_directed", "mean of the two directions' means"},
    Named{AverageDefinition::to_truth, "to_truth", "mean from prediction to truth"}};
constexpr std::array empty_rules{
    Named{EmptySurfaceRule::skip, "skip", "empty mask: left out"},
    Named{EmptySurfaceRule::infinite, "infinite", "one mask empty: infinite; both: left out"},
    Named{EmptySurfaceRule::diagonal, "diagonal", "one mask empty: diagonal of the volume; both: 0"},
    Named{EmptySurfaceRule::brats, "brats", "one mask empty: 373.13 mm; both: 0"}};

template <class Table, class Enum>
std::string_view meaning(const Table& table, Enum value) {
    return std::ranges::find(table, value, [](const auto& row) { return row.value; })->meaning;
}

template <class Table>
auto by_name(const Table& table, const std::string& name, std::string_view what) {
    std::vector<std::string_view> names;
    for (const auto& row : table) {
        if (row.name == name) return row.value;
        names.push_back(row.name);
    }
    throw core::ConfigError(core::concat("there is no ", what, " '", name, "'; there are: ", core::join(names)));
}

struct Volume {
    at::Tensor voxels;  // uint8 on the host, 0 or 1
    const uint8_t* row(int64_t d, int64_t h) const {
        return voxels.const_data_ptr<uint8_t>() + (d * voxels.size(1) + h) * voxels.size(2);
    }
};

Volume on_host(const at::Tensor& mask) { return {mask.ne(0).to(at::kCPU).to(at::kByte).contiguous()}; }

// The smallest box that holds every voxel of either mask; of size 0 where both are empty.  Beyond it neither has a
// surface, and a shorter transform finds the same distances.
core::Box box_around(const Volume& a, const Volume& b) {
    const int64_t depth = a.voxels.size(0), height = a.voxels.size(1), width = a.voxels.size(2);
    core::Index3 low{depth, height, width}, high{-1, -1, -1};
    for (int64_t d = 0; d < depth; ++d) {
        for (int64_t h = 0; h < height; ++h) {
            const uint8_t *p = a.row(d, h), *t = b.row(d, h);
            int64_t first = 0, last = width - 1;
            while (first < width && !(p[first] | t[first])) ++first;
            if (first == width) continue;
            while (!(p[last] | t[last])) --last;
            low = {std::min(low[0], d), std::min(low[1], h), std::min(low[2], first)};
            high = {d, std::max(high[1], h), std::max(high[2], last)};
        }
    }
    if (high[0] < 0) return {};
    return {low, {high[0] - low[0] + 1, high[1] - low[1] + 1, high[2] - low[2] + 1}};
}

std::vector<uint8_t> crop(const Volume& mask, const core::Box& box) {
    std::vector<uint8_t> voxels;
    voxels.reserve(static_cast<size_t>(box.voxels()));
    for (int64_t d = 0; d < box.size[0]; ++d) {
        for (int64_t h = 0; h < box.size[1]; ++h) {
            const uint8_t* row = mask.row(box.start[0] + d, box.start[1] + h) + box.start[2];
            voxels.insert(voxels.end(), row, row + box.size[2]);
        }
    }
    return voxels;
}

// 1 where a voxel of the mask has a face neighbour outside of the mask.  Past the box there is no mask.
std::vector<uint8_t> surface_of(const std::vector<uint8_t>& mask, const core::Index3& size) {
    const auto [depth, height, width] = size;
    const int64_t plane = height * width;
    std::vector<uint8_t> surface(mask.size());
    for (int64_t d = 0, at = 0; d < depth; ++d) {
        for (int64_t h = 0; h < height; ++h) {
            const bool edge_row = d == 0 || d == depth - 1 || h == 0 || h == height - 1;
            for (int64_t w = 0; w < width; ++w, ++at) {
                if (!mask[at]) continue;
                const bool edge = edge_row || w == 0 || w == width - 1;
                surface[at] = edge || !(mask[at - 1] & mask[at + 1] & mask[at - width] & mask[at + width] &
                                        mask[at - plane] & mask[at + plane]);
            }
        }
    }
    return surface;
}

std::vector<double> sorted_distances(const std::vector<uint8_t>& from, const std::vector<uint8_t>& to,
                                     const core::Index3& size, const core::Double3& spacing_mm) {
    const auto squared = squared_distance_transform(to, size, spacing_mm);
    std::vector<double> distances;
    for (size_t at = 0; at < from.size(); ++at)
        if (from[at]) distances.push_back(std::sqrt(squared[at]));
    std::ranges::sort(distances);
    return distances;
}

std::optional<double> figure_of_empty(const SurfaceDistances& distances, EmptySurfaceRule rule) {
    const int empty = distances.to_truth.empty() + distances.to_prediction.empty();
    if (empty == 0) return {};
    constexpr double left_out = std::numeric_limits<double>::quiet_NaN();
    switch (rule) {
        case EmptySurfaceRule::skip: return left_out;
        case EmptySurfaceRule::infinite: return empty == 2 ? left_out : std::numeric_limits<double>::infinity();
        case EmptySurfaceRule::diagonal: return empty == 2 ? 0 : distances.diagonal_mm;
        case EmptySurfaceRule::brats: return empty == 2 ? 0 : std::hypot(240.0, 240.0, 155.0);
    }
    return {};
}

double percentile_of(const std::vector<double>& ascending, double percentile) {
    const double place = static_cast<double>(ascending.size() - 1) * percentile / 100;
    const auto below = static_cast<size_t>(place);
    const auto above = std::min(below + 1, ascending.size() - 1);
    return std::lerp(ascending[below], ascending[above], place - static_cast<double>(below));
}

double sum(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

double mean(const std::vector<double>& values) { return sum(values) / static_cast<double>(values.size()); }

}  // namespace

std::string_view describe(HausdorffDefinition definition) { return meaning(hausdorff_definitions, definition); }
std::string_view describe(AverageDefinition definition) { return meaning(average_definitions, definition); }
std::string_view describe(EmptySurfaceRule rule) { return meaning(empty_rules, rule); }

HausdorffDefinition hausdorff_definition(const std::string& name) {
    return by_name(hausdorff_definitions, name, "definition of the Hausdorff distance");
}
AverageDefinition average_definition(const std::string& name) {
    return by_name(average_definitions, name, "definition of the average surface distance");
}
EmptySurfaceRule empty_surface_rule(const std::string& name) {
    return by_name(empty_rules, name, "rule for distances of empty masks");
}

SurfaceDistances surface_distances(const at::Tensor& predicted, const at::Tensor& truth,
                                   const core::Double3& spacing_mm) {
    core::check(predicted.dim() == 3 && predicted.sizes() == truth.sizes(),
                core::concat("surface distances: the prediction is [", core::join(predicted.sizes()),
                             "], the truth is [", core::join(truth.sizes()), "], and both have to be [D,H,W]"));
    core::check(std::ranges::all_of(spacing_mm, [](double mm) { return mm > 0 && std::isfinite(mm); }),
                core::concat("surface distances: a spacing of [", core::join(spacing_mm), "] mm"));
    SurfaceDistances distances;
    distances.diagonal_mm = std::hypot(static_cast<double>(predicted.size(0)) * spacing_mm[0],
                                       static_cast<double>(predicted.size(1)) * spacing_mm[1],
                                       static_cast<double>(predicted.size(2)) * spacing_mm[2]);
    const auto p = on_host(predicted), t = on_host(truth);
    const auto box = box_around(p, t);
    if (box.voxels() == 0) return distances;
    const auto from = surface_of(crop(p, box), box.size), to = surface_of(crop(t, box), box.size);
    distances.to_truth = sorted_distances(from, to, box.size, spacing_mm);
    distances.to_prediction = sorted_distances(to, from, box.size, spacing_mm);
    return distances;
}

double hausdorff_distance(const SurfaceDistances& distances, double percentile, HausdorffDefinition definition,
                          EmptySurfaceRule rule) {
    core::check(percentile >= 0 && percentile <= 100, core::concat("Hausdorff distance: percentile ", percentile));
    if (const auto figure = figure_of_empty(distances, rule)) return *figure;
    if (definition == HausdorffDefinition::max_directed)
        return std::max(percentile_of(distances.to_truth, percentile),
                        percentile_of(distances.to_prediction, percentile));
    std::vector<double> pool;
    std::ranges::merge(distances.to_truth, distances.to_prediction, std::back_inserter(pool));
    return percentile_of(pool, percentile);
}

double average_surface_distance(const SurfaceDistances& distances, AverageDefinition definition,
                                EmptySurfaceRule rule) {
    if (const auto figure = figure_of_empty(distances, rule)) return *figure;
    const auto &there = distances.to_truth, &back = distances.to_prediction;
    switch (definition) {
        case AverageDefinition::pooled:
            return (sum(there) + sum(back)) / static_cast<double>(there.size() + back.size());
        case AverageDefinition::mean_of_directed: return (mean(there) + mean(back)) / 2;
        case AverageDefinition::to_truth: return mean(there);
    }
    return 0;
}

}  // namespace vox::metrics
