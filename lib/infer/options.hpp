#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vox::config {
class Section;
}

namespace vox::infer {

/// How a volume is cut into windows and their outputs are joined: the section `infer` of a configuration.
struct SlidingWindowOptions {
    std::vector<int64_t> window{96, 96, 96};  // D, H, W in voxels
    double overlap = 0.5;                     // share of a window that its neighbour repeats, in [0, 1)
    std::string blend = "gaussian";           // or "constant"
    double sigma_scale = 0.125;               // gaussian: standard deviation as a share of the window
    int64_t windows_per_batch = 1;            // windows that go through the network together

    /// Takes the keys out of `section` and checks them: ConfigError for what cannot work.
    void read(config::Section& section);
};

/// What is taken out of a label map: keys of the same section.
struct CleanUpOptions {
    std::vector<std::string> keep_largest;  // names of regions (or a label value) of which one component stays
    int64_t connectivity = 26;              // 6, 18 or 26 neighbours of a voxel

    void read(config::Section& section);
};

}  // namespace vox::infer
