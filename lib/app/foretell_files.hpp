#pragma once
// From volumes, and columns of a table, to risks and probabilities in one file.

#include "app/result_files.hpp"
#include "data/resize.hpp"
#include "tasks/survival_predictor.hpp"

namespace vox::app {

/// All ranks, each its share: survival.csv with a line a case, by id: its risk and S(t), or the columns that a regression foretells.  The
/// input is a folder of shards, or, for a model that takes no columns of a table, one of NIfTI files.  `intensities`, `resize`: as the model
/// was trained.  Returns how many cases.  Throws as InputCases; DataError for NIfTI files where a table is needed.
size_t foretell_cases(comm::World& world, const ResultFolders& folders, tasks::SurvivalPredictor& predictor,
                      const data::Intensities& intensities, const data::Resize& resize);

}  // namespace vox::app
