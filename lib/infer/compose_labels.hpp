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

/// Of a scheme whose regions exclude each other (data::regions_exclude), class 0 is the background and class k + 1 region k.
/// scores [K+1,D,H,W], logits or probabilities; a voxel gets the value of its highest class, of equal ones the first;
/// `active[k]` false never wins -> [D,H,W] uint8 on the same device.  Throws InternalError where shapes do not fit.
at::Tensor labels_of_classes(const at::Tensor& scores, const data::LabelScheme& scheme,
                             const std::vector<bool>& active);

/// The way back: label of any shape and integer type -> int64 classes of the same shape; other values are background.
at::Tensor classes_of_labels(const at::Tensor& label, const data::LabelScheme& scheme);

}  // namespace vox::infer
