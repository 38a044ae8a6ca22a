#pragma once
// Bodies that never were with two lesions that only words of their places tell apart.

#include <cstdint>
#include <filesystem>

#include "data/nifti.hpp"

namespace vox::data {

struct PromptedPhantom {
    NiftiImage image;  // int16 HU, LPS
    NiftiImage label;  // uint8: 1 in both lesions
};

/// `edge` voxels along each axis of a box of 192 mm, 32 to 512.  An ellipsoid of soft tissue in air, another for everybody, noise
/// that is smooth and noise of single voxels; two bright lesions of the very same voxels, moved, one in the patient's left half and
/// one in the right, each in one octant and at least a voxel from the middle planes, places drawn independently; and what is no
/// lesion: dark ones of the same shape, and bright rods of two voxels' width.  Of all cases the union of both lesions is known from the image
/// alone, which of them is meant from the words alone.  A pure function of its arguments.
PromptedPhantom make_prompted_phantom(uint64_t seed, uint32_t case_number, int64_t edge);

/// Writes one case, counted from 1, as layout generic has it: folder/prompted_0001/ct.nii.gz and label.nii.gz.  Creates the folders.
/// Throws WriteError.
void write_prompted_phantom(const std::filesystem::path& folder, uint32_t case_number, int64_t edge, uint64_t seed);

}  // namespace vox::data
