#pragma once
// Digitally reconstructed radiographs: what X-rays through a volume lose on their way, as images.  Differentiable in the volume;
// the same tensor code on CPU and GPU.  Who calls it: what makes views of CT cases, and losses that compare a volume with its
// radiographs.
//
// Volumes are [B,1,D,H,W] on RAS grids; view.hpp says how a view lies.

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <span>

#include "core/geometry.hpp"
#include "ops/view.hpp"

namespace vox::ops {

/// Water at 60 keV, 1/mm (NIST XCOM: 0.2059 cm^2/g).
inline constexpr double kWaterPerMm = 0.02059;

/// Hounsfield units to linear attenuation in 1/mm: mu_water * (1 + HU / 1000), where that is less than 0 it is 0.  Any shape,
/// floating type.
at::Tensor attenuation_of_hu(const at::Tensor& hu, double mu_water_per_mm = kWaterPerMm);

/// How a view gets its size where that is not the grid's.  linear: torch's interpolate(mode="bilinear", align_corners=False);
/// area: adaptive_avg_pool2d, the mean of the pixels that a smaller view's pixel touches.
enum class ViewResize { linear, area };

/// Rays that are parallel to an axis of the grid.  The view covers the volume's box, whatever its size.
struct ParallelGeometry {
    std::array<int64_t, 2> view_size{0, 0};  // h, w; 0: as many as the volume has along that side
    ViewResize resize = ViewResize::linear;
};

/// Rays from a point to the centres of a flat detector's pixels.  The volume's centre is the isocentre; the ray through it meets
/// the detector's middle at a right angle.
struct PerspectiveGeometry {
    std::array<int64_t, 2> view_size{256, 256};  // h, w
    double source_detector_mm = 1500;
    double source_isocentre_mm = 1000;
    double pixel_mm = 1.5;  // on the detector, square
    double step_mm = 0;  // between samples along a ray, at most; 0: half the shortest voxel edge
};

/// attenuation [B,1,D,H,W] in 1/mm, float32 or float64; `spacing_mm` D,H,W, one an item.  Returns [B,V,h,w] of the same type:
/// sums of attenuation times length, without a unit.  B may be 0.  Throws InternalError where shapes, spacings or views do not
/// fit, and for views of grids' own sizes that differ from each other.
at::Tensor project_parallel(const at::Tensor& attenuation, std::span<const core::Double3> spacing_mm,
                            std::span<const View> views, const ParallelGeometry& geometry);

/// The same along diverging rays: trilinear samples (grid_sampler_3d) at the middles of equal steps between where a ray enters
/// the volume's box and where it leaves it; between the outermost centres and the box's faces the closest voxel counts.  Takes
/// 16 bytes of memory a sample where gradients are kept.  On a GPU the gradient is summed by atomic additions, whose order and so
/// last digits may differ from run to run.
at::Tensor project_perspective(const at::Tensor& attenuation, std::span<const core::Double3> spacing_mm,
                               std::span<const View> views, const PerspectiveGeometry& geometry);

}  // namespace vox::ops
