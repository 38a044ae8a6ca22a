#include "infer/options.hpp"

#include <algorithm>

#include "config/section.hpp"

namespace vox::infer {

void SlidingWindowOptions::read(config::Section& section) {
    section.value("window", window, "size D, H, W of the window in voxels; the network's size divisor must divide it");
    section.value("overlap", overlap, "share of a window that its neighbour repeats, at least 0 and below 1");
    section.choice("blend", blend, {"gaussian", "constant"}, "weight of a window's voxels where windows overlap");
    section.value("sigma_scale", sigma_scale, "blend: gaussian: standard deviation as a share of the window");
    section.value("windows_per_batch", windows_per_batch, "windows that go through the network together");
    section.require(window.size() == 3 && std::ranges::all_of(window, [](int64_t n) { return n > 0; }),
                    "window must be three sizes of at least 1: [D, H, W]");
    section.require(overlap >= 0.0 && overlap < 1.0, "overlap must be at least 0 and below 1");
    section.require(sigma_scale > 0.0, "sigma_scale must be above 0");
    section.require(windows_per_batch >= 1, "windows_per_batch must be at least 1");
}

void CleanUpOptions::read(config::Section& section) {
    section.value("keep_largest", keep_largest,
                  "regions (by name, or by their label value) of which the label map keeps only the largest component");
    section.value("connectivity", connectivity,
                  "keep_largest: voxels touch by a face (6), also an edge (18), also a corner (26)");
    section.require(connectivity == 6 || connectivity == 18 || connectivity == 26, "connectivity must be 6, 18 or 26");
}

}  // namespace vox::infer
