#include "metrics/options.hpp"

#include <algorithm>
#include <set>

#include "config/section.hpp"
#include "core/text.hpp"

namespace vox::metrics {

void Options::read(config::Section& section) {
    section.choice("empty_rule", empty_rule, {"both_empty_is_one", "skip"},
                   "Dice where the truth is empty: 1 or 0 by the prediction, or left out of the mean");
    section.value("surface_distances", surface_distances,
                  "also Hausdorff and average surface distances in mm, a region each");
    section.choice("hausdorff_definition", hausdorff_definition, {"pooled", "max_directed"},
                   "percentile of both directions' distances together (medpy), or the larger one of the directions' "
                   "percentiles (MONAI)");
    section.value(
        "hausdorff_percentiles", hausdorff_percentiles,
        "which percentiles, each above 0 and at most 100; 95 is the figure hd95, 100 the whole distance hd100");
    section.choice("average_definition", average_definition, {"pooled", "mean_of_directed", "to_truth"},
                   "mean over both directions together, half the sum of the directions' means (both: assd), or "
                   "prediction to truth only (asd)");
    section.choice(
        "empty_surface_rule", empty_surface_rule, {"skip", "infinite", "diagonal", "brats"},
        "distance where one mask is empty: left out of the mean, infinite, the volume's diagonal, or 373.13 mm");
    section.value("lesions", lesions,
                  "also average precision of lesions and AUROC of cases (PI-CAI's), for a label scheme of one region");
    section.value("lesion_threshold", lesion_threshold,
                  "probability from which voxels make a lesion candidate; 0: 1/2.5 of each candidate's own maximum");
    section.value("key_metric", key_metric,
                  "validation figure that decides what is best: dice, dice/TC, hd95, assd, lesion_ap, ...");
    const auto inside = [](double percentile) { return percentile > 0 && percentile <= 100; };
    section.require(!hausdorff_percentiles.empty() && std::ranges::all_of(hausdorff_percentiles, inside),
                    "hausdorff_percentiles must be one or more numbers above 0 and at most 100");
    std::set<std::string> names;
    for (const double percentile : hausdorff_percentiles) names.insert(hausdorff_name(percentile));
    section.require(names.size() == hausdorff_percentiles.size(), "hausdorff_percentiles names a percentile twice");
    section.require(lesion_threshold >= 0 && lesion_threshold < 1, "lesion_threshold must be at least 0 and below 1");
}

std::string hausdorff_name(double percentile) { return core::concat("hd", percentile); }

}  // namespace vox::metrics
