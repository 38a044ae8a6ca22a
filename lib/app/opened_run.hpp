#pragma once
// What evaluating a run begins with, for one run and for those of a cross-validation.

#include <memory>

#include "app/evaluation.hpp"
#include "data/shard_reader.hpp"
#include "tasks/survival_folds.hpp"
#include "tasks/trained_run.hpp"

namespace vox::app {

/// A run with its weights, and shards with the splits of its fold.
struct OpenedRun {
    tasks::TrainedRun trained;
    std::unique_ptr<data::ShardReader> reader;
};

/// All ranks.  Throws DataError where there is no such run, or nothing in the split.
OpenedRun open_run(comm::World& world, const RunToEvaluate& what);

/// What is said about figures of label maps must not be in vain.  Throws UsageError.
void refuse_label_figures(const RunToEvaluate& what, const tasks::TrainedRun& trained);

/// All ranks: the risks of the split's cases, each on one rank.
tasks::ForetoldFold foretell_split(comm::World& world, const RunToEvaluate& what, const OpenedRun& opened,
                                   at::Device device);

}  // namespace vox::app
