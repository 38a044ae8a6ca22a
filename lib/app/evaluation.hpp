#pragma once
// Scoring segmentations: files against files, or a run on a split of its shards.

#include <filesystem>
#include <string>

#include "comm/world.hpp"
#include "data/label_scheme.hpp"
#include "metrics/dice.hpp"
#include "report/figures_table.hpp"

namespace vox::app {

/// One rank.  Each `<id>.nii[.gz]` of `predictions` against the one reference `<id>`, `<id>_seg`, `<id>-seg` or `<id>/seg` (label,
/// mask) anywhere below `references`: Dice a region, and their mean.  `scheme` is a name that data::label_scheme knows, or
/// "generic" (a region a value of the references).  Throws DataError, naming the case, where a reference is missing or there are
/// two, grids differ, or a label value is not of the scheme.
report::FiguresTable evaluate_files(const std::filesystem::path& predictions, const std::filesystem::path& references,
                                    const std::string& scheme, metrics::EmptyRule rule);

/// All ranks: predicts every labelled case of `split`, each on one rank.  The same table on every rank.  The shards' label values
/// may differ from those of the training data (2018-2021 and 2023), their regions may not.
report::FiguresTable evaluate_run(comm::World& world, const std::filesystem::path& run, bool best,
                                  const std::filesystem::path& shards, const std::string& split, at::Device device);

}  // namespace vox::app
