#pragma once
// From X-rays to CT volumes.

#include "app/result_files.hpp"
#include "tasks/xray_to_ct_predictor.hpp"

namespace vox::app {

/// All ranks, each its share: of every case of the input <case>_ct_generated.nii.gz in HU, and <case>_ct_sd.nii.gz where several samples
/// are made: float32.  The input is a folder of shards, or of pictures as data::list_xray_ct finds them, a folder a case, with or without
/// a CT: on the grid of the CT where there is one, else on one of the model's voxels, as large as the training cases usually were,
/// around the origin.  `flip_vertical`: row 0 of pictures is towards the feet.  Returns how many cases.  Throws as InputCases;
/// UsageError where flip_vertical is said of shards; DataError for pictures where the model was trained on line integrals, which they do
/// not tell, and for shards the other way round.
size_t reconstruct_cases(comm::World& world, const ResultFolders& folders, tasks::XrayToCtPredictor& predictor,
                         bool flip_vertical);

}  // namespace vox::app
