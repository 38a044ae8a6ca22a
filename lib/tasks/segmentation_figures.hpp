#pragma once
// The figures of segmented cases: the same in validation and in `evaluate`.

#include <ATen/core/Tensor.h>

#include <span>
#include <string>
#include <vector>

#include "core/geometry.hpp"
#include "data/label_scheme.hpp"
#include "infer/predictor.hpp"
#include "metrics/figures.hpp"
#include "metrics/options.hpp"
#include "metrics/surface_distance.hpp"
#include "train/task.hpp"

namespace vox::tasks {

/// A case beside its truth, on one grid.
struct JudgedCase {
    at::Tensor predicted;        // [K,D,H,W] bool on the host: regions of the label map (infer::region_masks)
    at::Tensor truth;            // [K,D,H,W] bool on the host
    core::Double3 spacing_mm{};  // of D,H,W; for surface distances only
    at::Tensor probabilities;    // [K,D,H,W] float; for lesions only
};

/// A prediction beside the truth of its sample, each read by its own scheme; both name the same regions.
JudgedCase judged(const infer::Prediction& prediction, const data::LabelScheme& predicted_scheme,
                  const data::Sample& sample, const data::LabelScheme& truth_scheme);

/// Which figures a configuration asks for, of which regions.  No communication anywhere.
///   dice, and where surface_distances is on, hd95, hd100, ... and assd (asd for average_definition: to_truth): one a region
///   and case ("hd95/TZ"), in mm.  Where lesions is on, lesion_ap and lesion_auroc: over all cases together.
class SegmentationFigures {
public:
    /// `active[k]` false leaves region k out; empty: none.  Throws ConfigError for definitions that do not exist, and for
    /// lesions with a scheme of more than one region.
    SegmentationFigures(const metrics::Options& options, const data::LabelScheme& scheme,
                        const std::vector<bool>& active = {});

    /// By figure, then by region: "dice/TC", "dice/WT", ..., "hd95/TC", ...  NaN where the case has no figure.  After them, where
    /// lesions is on, the case's candidates: "lesion/hit", "lesion/false_alarm" (their confidences, any number of each),
    /// "lesion/missed" (how many), "lesion/case" (the case's confidence), so that a gather carries them as they are.
    metrics::Figures of_case(const JudgedCase& one) const;

    /// Over the figures of all cases: of each figure its mean over regions ("dice"), then each region's mean over the cases that
    /// have one ("dice/TC"); lesion_ap and lesion_auroc.  A case without a figure (NaN) is left out, a region without any
    /// too.  Under a rule that makes a missed structure infinite, one such case makes the mean infinite.
    metrics::Figures summarise(std::span<const train::CaseFigures> cases) const;

    /// The figure of the summary that `options.key_metric` names: smaller distances are better.  Throws ConfigError for a
    /// name that the summary does not have, and for a distance under a rule that leaves missed structures out: the best
    /// network would be the one that misses the difficult ones.
    train::KeyMetric key_metric() const;

    /// A table's columns: "TC", "WT", "mean" for Dice, "hd95/TC", "hd95/WT", "hd95" for others; and a case's row in them, from
    /// `of_case`: the last of each figure is the mean over the regions that have one.
    std::vector<std::string> columns() const;
    std::vector<double> row(const metrics::Figures& of_case) const;
    /// Those of the summary that are no mean of a column: lesion_ap, lesion_auroc.
    metrics::Figures beyond_columns(std::span<const train::CaseFigures> cases) const;
    /// Definitions and rules for empty masks, a line each kind of figure, for tables.
    std::string note() const;

private:
    struct Figure {
        std::string name;  // "dice", "hd95", "assd"
        double percentile = 0;  // of "hd95"
    };
    std::vector<double> of_region(const at::Tensor& predicted, const at::Tensor& truth,
                                  const core::Double3& spacing_mm) const;

    metrics::Options options_;
    std::string scheme_name_;
    std::vector<Figure> hausdorff_;  // none without surface_distances
    std::vector<std::string> figures_;  // names: dice, those of hausdorff_, the average
    std::vector<std::string> regions_;
    std::vector<int64_t> channels_;  // of the regions
};

}  // namespace vox::tasks
