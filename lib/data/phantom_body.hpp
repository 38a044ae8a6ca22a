#pragma once
// Chests that were never anybody's: CT volumes in Hounsfield units, made from numbers alone.

#include <cstdint>
#include <filesystem>

#include "data/nifti.hpp"

namespace vox::data {

/// int16 HU, LPS, `edge` voxels along each axis of a box of 384 mm.  A body with skin, fat, muscle, spine, ribs, two lungs, a heart
/// and an aorta, and in most cases lesions in the lungs.  A pure function of (seed, case number, voxel).
///
/// Made so that two radiographs tell much of the volume: organs are simple bodies whose sizes and places are drawn, so that what a
/// view shows of them fixes them; lesions need both views to be placed.  `edge`: 32 to 512 voxels.
NiftiImage make_body_phantom(uint64_t seed, uint32_t case_number, int64_t edge);

/// Writes one case, counted from 1: folder/body_001/body_001.nii.gz, as layout xray_ct has a CT alone.  Creates the folders.  Throws
/// WriteError.
void write_body_phantom(const std::filesystem::path& folder, uint32_t case_number, int64_t edge, uint64_t seed);

}  // namespace vox::data
