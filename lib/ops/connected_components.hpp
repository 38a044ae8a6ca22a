#pragma once
// Connected components of a label map, and the usual clean-up: of each label its largest component only.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace vox::ops {

/// Which of the 26 voxels around one are its neighbours.
enum class Connectivity {
    faces = 6,     // scipy.ndimage.label's default
    edges = 18,    // and those that share an edge
    corners = 26,  // all (the default of MONAI's KeepLargestConnectedComponent)
};

/// 6, 18 or 26, for configurations; ConfigError for another number.
Connectivity connectivity(int64_t neighbours);

/// Voxels belong to one component where neighbours of equal value join them; 0 belongs to none.  Components are
/// counted from 1, in raster order (W fastest) of their first voxels.
struct Components {
    at::Tensor number;            // [D,H,W] int32 on the host: the component, or 0
    std::vector<int64_t> voxels;  // of component n + 1
    std::vector<uint8_t> value;   // of component n + 1 in the label map
};

/// label_map [D,H,W] uint8 on any device, less than 2^31 voxels.  Any rank, no communication.  Throws InternalError for
/// another shape or type.
Components connected_components(const at::Tensor& label_map, Connectivity connectivity);

/// The label map, with only the largest component of each value in `values`; what is removed becomes background, 0.
/// Other values stay as they are (a tumour may have several foci).  Values do not see each other, as in MONAI's
/// KeepLargestConnectedComponent(applied_labels=values, independent=True).  Of components of equal size the one stays
/// that is counted first; MONAI leaves that to a sort.
/// label_map as above -> a new tensor of its shape, type and device.
at::Tensor keep_largest_component(const at::Tensor& label_map, const std::vector<uint8_t>& values,
                                  Connectivity connectivity = Connectivity::corners);

}  // namespace vox::ops
