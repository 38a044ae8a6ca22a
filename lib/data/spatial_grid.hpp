#pragma once
// Places at which a moved crop is sampled, and the sampling.  The same tensor code on CPU and GPU; an item's numbers do not depend
// on its neighbours in the batch.
//
// A matrix maps voxels of the crop that comes out to voxels of the source, both counted from the centre of their volume along
// D, H, W.  "By b after a" is the product a * b: what is right acts first on the places, and last on the image.

#include <ATen/core/Tensor.h>

#include <array>
#include <span>

#include "core/geometry.hpp"

namespace vox::data {

core::Affine identity();
core::Affine operator*(const core::Affine& a, const core::Affine& b);

/// What MONAI calls rotate_params, shear_params, translate_params and scale_params.
struct AffineParameters {
    core::Double3 rotate{0, 0, 0};  // radians: around D, then around the turned H, then around the turned W
    std::array<double, 6> shear{0, 0, 0, 0, 0, 0};  // of D by H, D by W, H by D, H by W, W by D, W by H
    core::Double3 translate{0, 0, 0};  // voxels
    core::Double3 scale{1, 1, 1};
};
/// rotate * shear * translate * scale, as MONAI's AffineGrid multiplies them; six single shears one after another, the first
/// coefficient acting first (its create_shear).
core::Affine affine_matrix(const AffineParameters& parameters);

/// Offsets in voxels along D, H, W for every voxel, [3,D,H,W]: `noise` of that shape, in [-1, 1), smoothed along each axis and
/// times `magnitude` (MONAI's Rand3DElastic).  The weights are a Gaussian's integrals over the voxels up to 3 sigma away
/// (MONAI's GaussianFilter with approx "erf" and truncated 3); outside of the volume the noise is 0.
at::Tensor elastic_offsets(const at::Tensor& noise, double sigma, double magnitude);

/// One item's way from the source to the crop.
struct Movement {
    core::Affine matrix;
    at::Tensor offsets;  // [3,D,H,W] of the crop, added to its voxels before the matrix; undefined: none
    core::Box inside;  // the part of the source that is volume
};

/// border: beyond the outermost voxel centres of `inside` the closest one counts.  zeros: what lies outside is 0.
enum class Padding { border, zeros };

/// Where at::grid_sampler (align_corners false) samples n items of `source` voxels: [n,D,H,W,3], last axis W, H, D; D, H, W =
/// `crop`.  With `border`, places outside of `inside` have come to its edge.
at::Tensor sampling_grid(std::span<const Movement> movements, const core::Index3& crop, const core::Index3& source,
                         Padding padding, const at::TensorOptions& options);

/// image [n,C,d,h,w], floating, linear between voxels: [n,C,D,H,W].
at::Tensor sample_linear(const at::Tensor& image, const at::Tensor& grid, Padding padding);
/// label [n,d,h,w], uint8, the closest voxel: [n,D,H,W].
at::Tensor sample_nearest(const at::Tensor& label, const at::Tensor& grid, Padding padding);

}  // namespace vox::data
