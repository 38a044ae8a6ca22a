#pragma once
// Transforms of one item's intensities, equal to MONAI's of the same parameters: the same tensor code on CPU and GPU.
//
// `item` is [C,D,H,W] float32 or float64, not empty; all its channels share the parameters; the result is a new tensor of the same
// type and device.  Items are taken one at a time: libraries choose their algorithm by the size of a batch, and an item's numbers
// must not depend on who is with it.

#include <ATen/core/Tensor.h>

#include "data/intensity_draws.hpp"

namespace vox::data {

/// item * exp(f), f a sum of Legendre products over -1 .. 1 along each axis: the first and the last voxel of the crop, so that a
/// smaller crop has a steeper field.  In float64 inside.  MONAI RandBiasField; van Leemput et al. 1999.
/// Throws InternalError where the number of coefficients is not that of the degree.
at::Tensor bias_field(const at::Tensor& item, const BiasField& draw);

/// A Gaussian along each axis, its integral over each voxel, cut off at 4 sigma and not rescaled; 0 beyond the border.
/// MONAI GaussianSmooth(sigma, approx="erf").
at::Tensor gaussian_smooth(const at::Tensor& item, const core::Double3& sigma);

/// Smoothed by sigma1, plus alpha times what smoothing by sigma2 takes from that.  MONAI GaussianSharpen.
at::Tensor sharpen(const at::Tensor& item, const Sharpen& draw);

/// Only frequencies within a ball of radius (1 - alpha) * sqrt(2) / 2 * (longest edge) around the middle of the spectrum stay,
/// which for an even edge lies half a step beside frequency 0.  At alpha = 1 a crop with an even edge becomes 0 throughout.
/// MONAI GibbsNoise.
at::Tensor gibbs_noise(const at::Tensor& item, const GibbsNoise& draw);

/// item + mean + standard_deviation * noise; `standard_normal` has the item's shape.  MONAI RandGaussianNoise.
at::Tensor gaussian_noise(const at::Tensor& item, const GaussianNoise& draw, const at::Tensor& standard_normal);

/// ((x - min) / (max - min + 1e-7))^gamma * (max - min) + min, minimum and maximum over all channels of the item.
/// MONAI AdjustContrast.
at::Tensor contrast(const at::Tensor& item, const Contrast& draw);

}  // namespace vox::data
