#pragma once
// How near one volume is to another, voxel by voxel and in structure.  No communication.

#include <ATen/core/Tensor.h>

namespace vox::metrics {

/// MAE and MSE are means over voxels of |x - y| and (x - y)^2.  PSNR is 10 log10(data_range^2 / MSE) in dB; infinite where the volumes
/// are equal.  SSIM is Wang et al. 2004 in three dimensions: Gaussian windows of 11^3 voxels with a standard deviation of 1.5, constants
/// 0.01 and 0.03, covariances over the window's weights (scikit-image with gaussian_weights and use_sample_covariance=False; MONAI).
struct ImageQuality {
    double mae = 0, mse = 0, psnr = 0, ssim = 0;
};

/// generated, truth [D,H,W] floating, on one device; computed in float64.  `mask` [D,H,W] bool: the figures of its voxels alone, NaN
/// where it has none; undefined: of all.  SSIM is the mean over those voxels whose whole window lies within the volume, 5 voxels from its
/// borders at least; NaN where there is none.  Throws InternalError where sizes differ.
ImageQuality image_quality(const at::Tensor& generated, const at::Tensor& truth, double data_range,
                           const at::Tensor& mask);

}  // namespace vox::metrics
