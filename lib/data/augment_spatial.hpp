#pragma once
// Affine maps, turns, zoom and elastic deformation of crops in one sampling, and quarter turns, on the training device.  What an
// item gets is a pure function of its key.

#include <optional>
#include <span>

#include "data/batch.hpp"
#include "data/spatial_grid.hpp"
#include "data/spatial_options.hpp"
#include "ops/random_key.hpp"

namespace vox::data {

/// What one item gets.  Each part comes with its own probability.  The image is what MONAI's RandAffine, RandRotate, RandZoom
/// and Rand3DElastic would make of it one after another, if each looked at the volume itself and not at what the one before had
/// interpolated; the quarter turns come last.
struct SpatialDraw {
    bool moved = false;  // any of affine, rotate, zoom, elastic
    core::Affine matrix = identity();  // affine * rotate * zoom * elastic's own
    struct Elastic {
        double sigma = 0, magnitude = 0;
    };
    std::optional<Elastic> elastic;
    int64_t quarter_turns = 0;  // 0 .. 3
};
SpatialDraw draw_spatial(const SpatialOptions& options, const ops::RandomKey& key);

/// Elastic's noise for an item of `crop` voxels: [1,3,D,H,W], uniform in [-1, 1).
at::Tensor elastic_noise(const ops::RandomKey& key, const core::Index3& crop, const at::TensorOptions& options);

/// The batch comes with `options.margin` voxels around each crop and leaves as crops of `crop` voxels, item by item as
/// `draw_spatial(options, batch.keys[b])` says: images linear, labels by the closest voxel, about the crop's centre.  An item that
/// is not moved is the middle of what was read, bit for bit.  `inside[b]`: the part of the read box that lies in the
/// volume.  With padding `border`, places beyond it take its closest voxel; so do places beyond what was read.  Throws
/// InternalError where sizes do not match.
void augment_spatial(Batch& batch, const SpatialOptions& options, const core::Index3& crop,
                     std::span<const core::Box> inside);

}  // namespace vox::data
