#pragma once
// How far a volume's own radiographs are from those that were taken: the physics of X-rays as a loss.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "core/geometry.hpp"
#include "ops/view.hpp"

namespace vox::loss {

/// What a pixel of a view says.  attenuation: the line integral itself.  grey: an unknown gain and offset of it, of which nobody
/// knows more than that they are the same in all of a view.
enum class ViewUnit { attenuation, grey };

/// Item by item, the mean over views and pixels of (radiograph of the volume - view)^2, each radiograph along its own view's rays:
/// attenuation [B,1,D,H,W] in 1/mm (ops::attenuation_of_hu), views [B,V,h,w] floating -> [B], differentiable in the volume, in float32
/// or wider.  Both are compared at the volume's own resolution: views are averaged over the pixels of one of its.
/// attenuation: in units of line integrals, squared.
/// grey: gain and offset of each view are those that fit best (least squares); what they leave over, as a share of the view's variance:
/// 0 for a view that the radiograph explains, 1 for one that it says nothing of.  A view that is one grey counts 0.
at::Tensor projection_errors_per_item(const at::Tensor& attenuation, std::span<const core::Double3> spacing_mm,
                                      const at::Tensor& views, std::span<const ops::View> kinds, ViewUnit unit);

}  // namespace vox::loss
