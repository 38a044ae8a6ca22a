#pragma once
// The usual clean-up of organs in a predicted label map: of a region only its largest component.

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "data/label_scheme.hpp"
#include "ops/connected_components.hpp"

namespace vox::infer {

/// Indices into `scheme.regions` of what `wanted` means: names of regions, or the label value of a region that has that one
/// only ("PZ", "2").  Throws ConfigError, naming those that may be given, for another text, and for a region that lies within
/// another one (BraTS: TC and ET within WT): what is taken out becomes background, which would be a hole in the outer one.
std::vector<size_t> regions_to_clean(const std::vector<std::string>& wanted, const data::LabelScheme& scheme);

/// The label map with only the largest component of each of those regions; what is removed becomes background, 0.  A region
/// is all its label values together, so that WT of BraTS takes its parts along: MONAI's
/// KeepLargestConnectedComponent(applied_labels=values, independent=False), a call a region.
/// label_map [D,H,W] uint8 on any device -> a tensor of its shape, type and device.  Any rank, no communication.
at::Tensor keep_largest_regions(const at::Tensor& label_map, const data::LabelScheme& scheme,
                                const std::vector<size_t>& regions, ops::Connectivity connectivity);

}  // namespace vox::infer
