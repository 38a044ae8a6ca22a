#pragma once
// Scoring: label maps in files against files, or a run of any task on a split of its shards.
// evaluation.cpp the files, evaluate_run.cpp a run, evaluate_folds.cpp several of a cross-validation.

#include <c10/core/Device.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "app/label_files.hpp"
#include "comm/world.hpp"
#include "metrics/options.hpp"
#include "report/figures_table.hpp"

namespace vox::app {

/// One rank.  Each pair of label_pairs: the figures of tasks::SegmentationFigures on the files' own grid, in mm by the reference's
/// affine.  `scheme` is a name that data::label_scheme knows, or "generic" (a region a value of the references).  Throws DataError,
/// naming the case, as label_pairs, and where grids differ or a label value is not of the scheme; ConfigError for lesions, which
/// need probabilities.
report::FiguresTable evaluate_files(const LabelPlace& predictions, const LabelPlace& references,
                                    const std::string& scheme, const metrics::Options& options);

/// What evaluate_run judges.
struct RunToEvaluate {
    std::filesystem::path run;
    bool best = false;  // the checkpoint with the best validation, not the newest
    std::filesystem::path shards;
    std::string split;
    std::function<void(metrics::Options&)> change_metrics;  // where others than the run's own are wanted; may be empty
};

/// All ranks: predicts every case of the split that can be judged, each on one rank.  The same table on every rank, with the figures that
/// validation gives.  Of synthesis a row is a case and the channel that was generated; `change_metrics` must then change nothing, else
/// UsageError.  Of segmentation by the run's section `metrics`: a column of the table has the mean that validation shows under that name (its
/// "mean" and "hd95" are means over cases, validation's are means over regions: another number where a case lacks a figure).
/// All regions of the scheme count, also those that validation leaves out because no training case shows them.  On the stored
/// grid; the note says so where cases were resampled to it.  The shards' label values may differ from those of the training data
/// (2018-2021 and 2023), their regions may not.
report::FiguresTable evaluate_run(comm::World& world, const RunToEvaluate& what, at::Device device);

/// All ranks: runs of a cross-validation, each judged on the cases that validate it, and all cases in one table that names the run of each
/// (survival: tasks::out_of_fold_table; else the rows of evaluate_run).  Of `how`, run and split are set here; lesions are left out, which
/// rank candidates by the probabilities of one network.  Throws DataError where a case validates none of the runs (unless it is of every
/// run's split "test") or several, naming such cases; where a run was trained on another data set than these shards, by their
/// digest; where the runs differ in task or in what their figures mean.
report::FiguresTable evaluate_out_of_fold(comm::World& world, const std::vector<std::filesystem::path>& runs,
                                          RunToEvaluate how, at::Device device);

}  // namespace vox::app
