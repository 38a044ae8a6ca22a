#pragma once
// The augmentation of intensities of a batch, in two groups around what moves voxels.  The whole order, after normalisation:
// bias field, smoothing, Gibbs noise; what moves crops (augment_spatial.hpp), flips; noise, scale, shift, sharpening, contrast.

#include "data/batch.hpp"
#include "data/intensity_options.hpp"
#include "data/transforms.hpp"

namespace vox::data {

/// Bias field, smoothing, Gibbs noise: what the scanner does to the volume as it lies.  Changes `batch.image` in place, item by
/// item as the draws of `batch.keys` say; an item that draws nothing keeps its values bit for bit.  The loader calls it.
/// Throws InternalError where a batch has not one key an item.
void augment_intensity_before(Batch& batch, const IntensityOptions& options);

/// Noise, scale and shift (of `augmentation`), sharpening, contrast: the same way, after voxels have moved.
void augment_intensity_after(Batch& batch, const IntensityOptions& options, const Augmentation& augmentation);

}  // namespace vox::data
