#pragma once
// Brains that were never anybody's: four modalities and a tumour with its label, made from numbers alone.
// The embedded data set of tests, demonstrations and first tries.

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/geometry.hpp"

namespace vox::data {

/// t1, t1ce, t2, flair (in this order) and the label, i fastest, skull-stripped: 0 outside the brain.
/// Label values as in BraTS 2020: 1 necrotic core, 2 oedema, 4 enhancing rim.
struct PhantomBrain {
    core::Index3 size{};    // i, j, k
    core::Affine affine{};  // LPS, 1 mm
    std::array<std::vector<int16_t>, 4> images;
    std::vector<uint8_t> label;
};

/// What the modalities show of the same brains.
/// segmentation: one voxel's four intensities do not tell the label and its neighbourhood does: noise as strong as the contrasts, fluid
/// that looks like oedema but lies in sheets and ventricles, vessels that look like the enhancing rim but are thin.
/// synthesis: little noise, and flair shows fluid dark and oedema bright, which are equal in the other three: what flair is at a voxel
/// is no function of the others there, let alone a linear one, but of their surroundings.
enum class PhantomContrast { segmentation, synthesis };

/// "segmentation", "synthesis".  Throws UsageError for another name.
PhantomContrast phantom_contrast(const std::string& name);

/// A pure function of (seed, case number, voxel): the same on any machine, thread or rank, whatever else is made.
/// Each modality has a smooth bias of its own.  `edge` is the grid's length along each axis, 32 to 512 voxels.
PhantomBrain make_brain_phantom(uint64_t seed, uint32_t case_number, int64_t edge,
                                PhantomContrast contrast = PhantomContrast::segmentation);

/// Writes one case, counted from 1, as BraTS 2020 names it: folder/BraTS20_Training_001/BraTS20_Training_001_t1.nii.gz and
/// _t1ce, _t2, _flair, _seg.  Creates the folders.  Throws WriteError.
void write_brats_phantom(const std::filesystem::path& folder, uint32_t case_number, int64_t edge, uint64_t seed,
                         PhantomContrast contrast = PhantomContrast::segmentation);

}  // namespace vox::data
