#pragma once
// Scoring segmentations: files against files, or a run on a split of its shards.

#include <filesystem>
#include <string>

#include "comm/world.hpp"
#include "data/label_scheme.hpp"
#include "metrics/dice.hpp"
#include "report/figures_table.hpp"

namespace vox::app {

/// One rank.  Each `<id>.nii[.gz]` of `predictions` against the reference `<id>.nii[.gz]`, `<id>_seg.nii[.gz]` or
/// `<id>-seg.nii[.gz]` anywhere below `references`: Dice a region, and their mean.  Throws DataError, naming the case, where a
/// reference is missing or there are two, grids differ, or a label value is not of the scheme.
report::FiguresTable evaluate_files(const std::filesystem::path& predictions, const std::filesystem::path& references,
                                    const data::LabelScheme& scheme, metrics::EmptyRule rule);

/// All ranks: predicts every labelled case of `split`, each on one rank.  The same table on every rank.
report::FiguresTable evaluate_run(comm::World& world, const std::filesystem::path& run, bool best,
                                  const std::filesystem::path& shards, const std::string& split, at::Device device);

}  // namespace vox::app
