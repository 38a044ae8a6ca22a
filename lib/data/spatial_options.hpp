#pragma once
// What a user may configure about moving voxels: section `data.spatial`.

#include <cstdint>
#include <string>
#include <vector>

#include "config/section.hpp"
#include "core/geometry.hpp"

namespace vox::data {

/// Half widths of uniform draws for an affine matrix: each number within +- this.  As in MONAI's RandAffineGrid, of the axes of
/// [D,H,W].
struct AffineRanges {
    std::vector<double> rotate{0, 0, 0};  // radians around D, H, W
    std::vector<double> shear{0, 0, 0, 0, 0, 0};  // of D by H, D by W, H by D, H by W, W by D, W by H
    std::vector<double> translate{0, 0, 0};  // voxels along D, H, W
    std::vector<double> scale{0, 0, 0};  // the factor along D, H, W is 1 + u
};

/// Defaults are the Prostate158 recipe, which MONAI applies to [x,y,z] = [W,H,D]: its single numbers for "the first axis" are W.
struct SpatialOptions {
    double affine_probability = 0;
    AffineRanges affine{{0, 0, 5}, {0, 0, 0, 0, 0, 0.5}, {0, 0, 25}, {0, 0, 0}};
    double rotate_probability = 0;
    std::vector<double> rotate_range{0.1, 0.1, 0.1};  // radians around D, H, W
    double zoom_probability = 0, zoom_min = 0.9, zoom_max = 1.1;
    double elastic_probability = 0;
    std::vector<double> elastic_sigma{0.5, 1.5}, elastic_magnitude{0.5, 1.5};  // voxels, from .. to
    AffineRanges elastic;  // drawn and applied together with the offsets
    double rotate90_probability = 0;
    std::vector<int64_t> rotate90_axes{1, 2};
    std::string padding = "border";
    std::vector<int64_t> margin{0, 0, 0};  // D, H, W

    /// Takes the keys above out of section `data.spatial`; `crop` is data.crop_size.  Throws ConfigError for values that cannot
    /// work or contradict each other.
    void read(config::Section& section, const core::Index3& crop);

    /// True where an item may be sampled at other places than its voxels' own.
    bool resamples() const;
    bool any() const { return resamples() || rotate90_probability > 0; }

    core::Index3 margins() const { return {margin[0], margin[1], margin[2]}; }
};

}  // namespace vox::data
