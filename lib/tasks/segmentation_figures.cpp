#include "tasks/segmentation_figures.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/text.hpp"
#include "infer/compose_labels.hpp"
#include "metrics/dice.hpp"
#include "tasks/case_lesions.hpp"

namespace vox::tasks {
namespace {

using core::concat;

constexpr const char* kPrecision = "lesion_ap";
constexpr const char* kAuroc = "lesion_auroc";

/// Of those that are there.
double mean_of(const std::vector<double>& values) {
    double sum = 0, count = 0;
    for (const double value : values) {
        if (std::isnan(value)) continue;
        sum += value;
        ++count;
    }
    return count > 0 ? sum / count : std::nan("");
}

}  // namespace

JudgedCase judged(const infer::Prediction& prediction, const data::LabelScheme& predicted_scheme,
                  const data::Sample& sample, const data::LabelScheme& truth_scheme) {
    return {.predicted = infer::region_masks(prediction.label_map, predicted_scheme),
            .truth = infer::region_masks(sample.label, truth_scheme),
            .spacing_mm = sample.info->spacing_mm,
            .probabilities = prediction.probabilities};
}

SegmentationFigures::SegmentationFigures(const metrics::Options& options, const data::LabelScheme& scheme,
                                         const std::vector<bool>& active)
    : options_(options), scheme_name_(scheme.name), figures_{"dice"} {
    metrics::empty_rule(options.empty_rule);
    metrics::hausdorff_definition(options.hausdorff_definition);
    metrics::empty_surface_rule(options.empty_surface_rule);
    const auto average = metrics::average_definition(options.average_definition);
    if (options.surface_distances) {
        for (const double percentile : options.hausdorff_percentiles)
            hausdorff_.push_back({metrics::hausdorff_name(percentile), percentile});
        for (const auto& figure : hausdorff_) figures_.push_back(figure.name);
        figures_.emplace_back(average == metrics::AverageDefinition::to_truth ? "asd" : "assd");
    }
    std::vector<std::string> all;
    for (size_t k = 0; k < scheme.regions.size(); ++k) {
        all.push_back(scheme.regions[k].name);
        if (!active.empty() && !active[k]) continue;
        regions_.push_back(scheme.regions[k].name);
        channels_.push_back(static_cast<int64_t>(k));
    }
    if (options.lesions && all.size() != 1)
        throw core::ConfigError(concat("metrics.lesions: lesions are counted where a label scheme has one region; ",
                                       scheme.name, " has ", core::join(all)));
}

std::vector<double> SegmentationFigures::of_region(const at::Tensor& predicted, const at::Tensor& truth,
                                                   const core::Double3& spacing_mm) const {
    std::vector<double> values{metrics::dice(predicted, truth, metrics::empty_rule(options_.empty_rule))};
    if (!options_.surface_distances) return values;
    const auto rule = metrics::empty_surface_rule(options_.empty_surface_rule);
    const auto definition = metrics::hausdorff_definition(options_.hausdorff_definition);
    const auto distances = metrics::surface_distances(predicted, truth, spacing_mm);
    for (const auto& figure : hausdorff_)
        values.push_back(metrics::hausdorff_distance(distances, figure.percentile, definition, rule));
    values.push_back(
        metrics::average_surface_distance(distances, metrics::average_definition(options_.average_definition), rule));
    return values;
}

metrics::Figures SegmentationFigures::of_case(const JudgedCase& one) const {
    std::vector<std::vector<double>> values;  // [region][figure]
    for (const int64_t k : channels_) values.push_back(of_region(one.predicted[k], one.truth[k], one.spacing_mm));
    metrics::Figures result;
    for (size_t f = 0; f < figures_.size(); ++f)
        for (size_t r = 0; r < regions_.size(); ++r) result.emplace_back(figures_[f] + "/" + regions_[r], values[r][f]);
    if (options_.lesions)
        append_detections(result, detect_lesions(one.probabilities[0], one.truth[0], options_.lesion_threshold));
    return result;
}

metrics::Figures SegmentationFigures::summarise(std::span<const train::CaseFigures> cases) const {
    metrics::Figures summary;
    for (size_t f = 0; f < figures_.size(); ++f) {
        std::vector<double> means;
        for (size_t r = 0; r < regions_.size(); ++r) {
            std::vector<double> values;
            for (const auto& one : cases) values.push_back(one.figures.at(f * regions_.size() + r).second);
            means.push_back(mean_of(values));
        }
        summary.emplace_back(figures_[f], mean_of(means));
        for (size_t r = 0; r < regions_.size(); ++r) summary.emplace_back(figures_[f] + "/" + regions_[r], means[r]);
    }
    const auto lesions = beyond_columns(cases);
    summary.insert(summary.end(), lesions.begin(), lesions.end());
    return summary;
}

metrics::Figures SegmentationFigures::beyond_columns(std::span<const train::CaseFigures> cases) const {
    if (!options_.lesions) return {};
    std::vector<metrics::CaseDetections> detections;
    for (const auto& one : cases) detections.push_back(detections_among(one.figures));
    return {{kPrecision, metrics::average_precision(detections)}, {kAuroc, metrics::case_auroc(detections)}};
}

train::KeyMetric SegmentationFigures::key_metric() const {
    const std::string& wanted = options_.key_metric;
    std::vector<std::string> names;
    for (const auto& figure : figures_) {
        names.push_back(figure);
        for (const auto& region : regions_) names.push_back(figure + "/" + region);
    }
    if (options_.lesions) names.insert(names.end(), {kPrecision, kAuroc});
    if (std::ranges::find(names, wanted) == names.end())
        throw core::ConfigError(
            concat("metrics.key_metric: there is no figure '", wanted, "'; there are: ", core::join(names),
                   options_.surface_distances ? "" : " (distances come with metrics.surface_distances: true)"));
    const bool distance = !wanted.starts_with("dice") && !wanted.starts_with("lesion");
    if (distance && options_.empty_surface_rule == "skip")
        throw core::ConfigError(
            concat("metrics.key_metric: ", wanted,
                   " under metrics.empty_surface_rule: skip would be best for a network that misses "
                   "what is difficult; take another rule, such as diagonal"));
    return {wanted, !distance};
}

std::vector<std::string> SegmentationFigures::columns() const {
    std::vector<std::string> names;
    for (const auto& figure : figures_) {
        const bool dice = figure == "dice";
        for (const auto& region : regions_) names.push_back(dice ? region : figure + "/" + region);
        names.push_back(dice ? "mean" : figure);
    }
    return names;
}

std::vector<double> SegmentationFigures::row(const metrics::Figures& of_case) const {
    std::vector<double> values;
    for (size_t f = 0; f < figures_.size(); ++f) {
        std::vector<double> own;
        for (size_t r = 0; r < regions_.size(); ++r) own.push_back(of_case.at(f * regions_.size() + r).second);
        values.insert(values.end(), own.begin(), own.end());
        values.push_back(mean_of(own));
    }
    return values;
}

std::string SegmentationFigures::note() const {
    std::string text =
        concat("Dice; ", metrics::describe(metrics::empty_rule(options_.empty_rule)), "; label scheme ", scheme_name_);
    if (options_.surface_distances) {
        std::vector<std::string> names;
        for (const auto& figure : hausdorff_) names.push_back(figure.name);
        text += concat("\n", core::join(names), ": Hausdorff distance in mm, ",
                       metrics::describe(metrics::hausdorff_definition(options_.hausdorff_definition)), "; ",
                       figures_.back(), ": surface distance in mm, ",
                       metrics::describe(metrics::average_definition(options_.average_definition)), "; ",
                       metrics::describe(metrics::empty_surface_rule(options_.empty_surface_rule)));
    }
    if (options_.lesions)
        text +=
            concat("\n", kPrecision, ": average precision of lesions found (intersection over union at least 0.1); ",
                   kAuroc, ": of cases, by their highest confidence; candidates ",
                   options_.lesion_threshold > 0 ? concat("above ", options_.lesion_threshold)
                                                 : "down to 1/2.5 of their maximum");
    return text;
}

}  // namespace vox::tasks
