#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "data/label_scheme.hpp"

namespace vox::infer {

/// One label map out of region probabilities.  A voxel belongs to a region where its probability is >= 0.5 and it belongs to
/// every region around it (one whose label values include the region's: for BraTS, ET within TC within WT).  Regions are then
/// painted in data::paint_order.
/// probabilities [K,D,H,W], K = regions of the scheme; `active[k]` false leaves region k out altogether (nobody trained it)
/// -> [D,H,W] uint8 on the same device.  Throws InternalError where K, `active` and the scheme differ.
at::Tensor compose_labels(const at::Tensor& probabilities, const data::LabelScheme& scheme,
                          const std::vector<bool>& active);

/// The way back, for truth and metrics: label [D,H,W] or [B,D,H,W] of any integer type -> bool masks [K,D,H,W] or
/// [B,K,D,H,W], true where the value is one of region k's.
at::Tensor region_masks(const at::Tensor& label, const data::LabelScheme& scheme);

}  // namespace vox::infer
