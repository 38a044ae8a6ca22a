#pragma once

#include <string>
#include <vector>

namespace vox::config {
class Section;
}

namespace vox::metrics {

/// Which figures a segmentation gets, and by which definitions: the section `metrics` of a configuration.
struct Options {
    std::string empty_rule = "both_empty_is_one";          // of Dice: metrics::empty_rule
    bool surface_distances = false;                        // Hausdorff and average surface distances too
    std::string hausdorff_definition = "max_directed";     // metrics::hausdorff_definition
    std::vector<double> hausdorff_percentiles{95, 100};    // each in (0, 100]; a figure "hd95" each
    std::string average_definition = "pooled";             // metrics::average_definition
    std::string empty_surface_rule = "skip";               // metrics::empty_surface_rule
    bool lesions = false;                                  // lesions found and missed, for schemes of one region
    double lesion_threshold = 0;                           // infer::LesionCandidateOptions
    std::string key_metric = "dice";                       // decides which checkpoint is the best

    /// Takes the keys out of `section` and checks them: ConfigError for what cannot work.
    void read(config::Section& section);
    bool operator==(const Options&) const = default;
};

/// "hd95", "hd97.5": what the figure of a percentile is called.
std::string hausdorff_name(double percentile);

}  // namespace vox::metrics
