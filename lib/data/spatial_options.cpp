#include "data/spatial_options.hpp"

#include <algorithm>
#include <cmath>

#include "core/text.hpp"
#include "data/probability.hpp"

namespace vox::data {

using core::concat;

namespace {

void check_ranges(const std::string& name, const std::vector<double>& values, size_t count, double limit,
                  const config::Section& section) {
    const bool good = values.size() == count && std::all_of(values.begin(), values.end(), [limit](double value) {
                          return value >= 0 && value < limit && std::isfinite(value);
                      });
    section.require(good, concat(name, ": [", core::join(values), "] must be ", count, " numbers from 0 on",
                                 std::isfinite(limit) ? concat(", each below ", limit) : std::string()));
}

void check_affine(const std::string& name, const AffineRanges& ranges, const config::Section& section) {
    check_ranges(name + "_rotate", ranges.rotate, 3, HUGE_VAL, section);
    check_ranges(name + "_shear", ranges.shear, 6, HUGE_VAL, section);
    check_ranges(name + "_translate", ranges.translate, 3, HUGE_VAL, section);
    check_ranges(name + "_scale", ranges.scale, 3, 1, section);  // at 1 a crop may become a single plane
}

void check_interval(const char* name, const std::vector<double>& values, const config::Section& section) {
    section.require(values.size() == 2 && values[0] > 0 && values[0] <= values[1] && std::isfinite(values[1]),
                    concat(name, ": [", core::join(values), "] must be two numbers above 0, the smaller first"));
}

void check_rotate90(const SpatialOptions& options, const core::Index3& crop, const config::Section& section) {
    const auto& axes = options.rotate90_axes;
    section.require(
        axes.size() == 2 && axes[0] != axes[1] && std::min(axes[0], axes[1]) >= 0 && std::max(axes[0], axes[1]) <= 2,
        concat("rotate90_axes: [", core::join(axes), "] must be two different ones of 0 (D), 1 (H), 2 (W)"));
    const int64_t first = crop[static_cast<size_t>(axes[0])], second = crop[static_cast<size_t>(axes[1])];
    section.require(options.rotate90_probability == 0 || first == second,
                    concat("rotate90_axes: [", core::join(axes), "] span a plane of ", first, " x ", second,
                           " voxels of data.crop_size, which a quarter turn would change; make both equal, choose two "
                           "axes of equal size, or set rotate90_probability: 0"));
}

void check_margin(const SpatialOptions& options, const config::Section& section) {
    const auto& margin = options.margin;
    section.require(margin.size() == 3 && std::all_of(margin.begin(), margin.end(),
                                                      [](int64_t voxels) { return voxels >= 0 && voxels <= 4096; }),
                    concat("margin: [", core::join(margin), "] must be three numbers of voxels, [D, H, W], 0 .. 4096"));
    const bool wanted = std::any_of(margin.begin(), margin.end(), [](int64_t voxels) { return voxels > 0; });
    section.require(!wanted || options.resamples(),
                    concat("margin: [", core::join(margin),
                           "] is read for nothing, as no crop is moved; set one of affine_, rotate_, zoom_ or "
                           "elastic_probability, or margin: [0, 0, 0]"));
}

void read_affine(const std::string& name, AffineRanges& ranges, config::Section& section) {
    const std::string within = ": each within +- this";
    section.value(name + "_rotate", ranges.rotate, name + within + ", radians around D, H, W");
    section.value(name + "_shear", ranges.shear,
                  name + within + ", shear of D by H, D by W, H by D, H by W, W by D, W by H");
    section.value(name + "_translate", ranges.translate, name + within + ", voxels along D, H, W");
    section.value(name + "_scale", ranges.scale, name + ": 1 + u along D, H, W, each u within +- this");
}

}  // namespace

bool SpatialOptions::resamples() const {
    return affine_probability > 0 || rotate_probability > 0 || zoom_probability > 0 || elastic_probability > 0;
}

void SpatialOptions::read(config::Section& section, const core::Index3& crop) {
    section.value("affine_probability", affine_probability, "chance that a crop gets an affine map, 0 .. 1");
    read_affine("affine", affine, section);
    section.value("rotate_probability", rotate_probability, "chance that a crop is turned, 0 .. 1");
    section.value("rotate_range", rotate_range, "rotate: each within +- this, radians around D, H, W");
    section.value("zoom_probability", zoom_probability, "chance that a crop is zoomed about its centre, 0 .. 1");
    section.value("zoom_min", zoom_min, "zoom: smallest factor; below 1 shows more of the surroundings");
    section.value("zoom_max", zoom_max, "zoom: largest factor");
    section.value("elastic_probability", elastic_probability, "chance that a crop is deformed elastically, 0 .. 1");
    section.value("elastic_sigma", elastic_sigma,
                  "elastic: standard deviation in voxels, from .. to, of the Gaussian that smooths the offsets");
    section.value("elastic_magnitude", elastic_magnitude,
                  "elastic: smoothed offsets, uniform within +- 1 before, times this many voxels, from .. to");
    read_affine("elastic", elastic, section);
    section.value("rotate90_probability", rotate90_probability,
                  "chance that a crop makes 1 to 3 quarter turns, 0 .. 1");
    section.value("rotate90_axes", rotate90_axes, "rotate90: the plane that is turned, two of 0 D, 1 H, 2 W");
    section.choice("padding", padding, {"border", "zeros"},
                   "what a moved crop shows outside of the volume and of what was read: the closest voxel, or 0");
    section.value(
        "margin", margin,
        "voxels read on each side beyond the crop, [D, H, W], for moved crops to show; costs reading and memory");
    check_probability(section, "affine_probability", affine_probability);
    check_probability(section, "rotate_probability", rotate_probability);
    check_probability(section, "zoom_probability", zoom_probability);
    check_probability(section, "elastic_probability", elastic_probability);
    check_probability(section, "rotate90_probability", rotate90_probability);
    check_affine("affine", affine, section);
    check_affine("elastic", elastic, section);
    check_ranges("rotate_range", rotate_range, 3, HUGE_VAL, section);
    section.require(zoom_min > 0 && zoom_min <= zoom_max && std::isfinite(zoom_max),
                    concat("zoom_min: ", zoom_min, " and zoom_max: ", zoom_max, " must be 0 < zoom_min <= zoom_max"));
    check_interval("elastic_sigma", elastic_sigma, section);
    check_interval("elastic_magnitude", elastic_magnitude, section);
    check_rotate90(*this, crop, section);
    check_margin(*this, section);
}

}  // namespace vox::data
