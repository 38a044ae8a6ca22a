#include "data/intensity_options.hpp"

#include <limits>
#include <string>

#include "core/text.hpp"
#include "data/probability.hpp"

namespace vox::data {
namespace {

using core::concat;

constexpr double kNoLimit = std::numeric_limits<double>::max();
constexpr int64_t kHighestDegree = 32;

void read_probability(config::Section& section, const char* key, double& value, const char* doc) {
    section.value(key, value, doc);
    check_probability(section, key, value);
}

/// [low, high] with least <= low <= high <= most.
void read_range(config::Section& section, const char* key, std::vector<double>& range, double least, double most,
                const char* doc) {
    section.value(key, range, doc);
    const std::string given = concat(key, ": [", core::join(range), "] ");
    section.require(range.size() == 2 && range[0] <= range[1], given + "must be two numbers, [low, high]");
    section.require(range[0] >= least && range[1] <= most, most < kNoLimit
                                                               ? concat(given, "is not within ", least, " .. ", most)
                                                               : concat(given, "must not be below ", least));
}

/// The same for what is divided by, or is an exponent.
void read_positive_range(config::Section& section, const char* key, std::vector<double>& range, const char* doc) {
    read_range(section, key, range, 0, kNoLimit, doc);
    section.require(range[0] > 0, concat(key, ": [", core::join(range), "] must be above 0"));
}

void read_scanner(config::Section& section, IntensityOptions& options) {
    read_probability(section, "bias_field_probability", options.bias_field_probability,
                     "chance to multiply a crop by exp(a sum of Legendre products that spans the crop), 0 .. 1");
    section.value("bias_field_degree", options.bias_field_degree, "bias field: highest total degree of the products");
    section.require(options.bias_field_degree >= 1 && options.bias_field_degree <= kHighestDegree,
                    concat("bias_field_degree: ", options.bias_field_degree, " is not within 1 .. ", kHighestDegree));
    read_range(section, "bias_field_coefficients", options.bias_field_coefficients, -kNoLimit, kNoLimit,
               "bias field: the coefficient of each product is uniform in this range");
    read_probability(section, "gaussian_smooth_probability", options.gaussian_smooth_probability,
                     "chance to smooth a crop, 0 .. 1");
    read_positive_range(section, "gaussian_smooth_sigma", options.gaussian_smooth_sigma,
                        "smoothing: standard deviation in voxels, one an axis, uniform in this range");
    read_probability(section, "gibbs_noise_probability", options.gibbs_noise_probability,
                     "chance to cut the high frequencies off a crop, 0 .. 1");
    read_range(section, "gibbs_noise_alpha", options.gibbs_noise_alpha, 0, 1,
               "Gibbs noise: 0 cuts next to nothing, 1 nearly everything; uniform in this range");
}

void read_noise(config::Section& section, IntensityOptions& options) {
    read_probability(section, "gaussian_noise_probability", options.gaussian_noise_probability,
                     "chance to add noise to a crop, 0 .. 1");
    section.value("gaussian_noise_mean", options.gaussian_noise_mean, "noise: its mean");
    section.value("gaussian_noise_std", options.gaussian_noise_std,
                  "noise: its standard deviation is uniform between 0 and this, one a crop");
    section.require(options.gaussian_noise_std >= 0,
                    concat("gaussian_noise_std: ", options.gaussian_noise_std, " must not be negative"));
}

void read_contours(config::Section& section, IntensityOptions& options) {
    read_probability(section, "sharpen_probability", options.sharpen_probability, "chance to sharpen a crop, 0 .. 1");
    read_positive_range(section, "sharpen_sigma1", options.sharpen_sigma1,
                        "sharpening: first smoothing in voxels, one an axis, uniform in this range");
    section.value(
        "sharpen_sigma2", options.sharpen_sigma2,
        "sharpening: second smoothing in voxels, one an axis, uniform from this to the first one of the axis");
    section.require(options.sharpen_sigma2 > 0 && options.sharpen_sigma2 <= options.sharpen_sigma1[0],
                    concat("sharpen_sigma2: ", options.sharpen_sigma2,
                           " must be above 0 and no more than the least sharpen_sigma1, ", options.sharpen_sigma1[0]));
    read_range(section, "sharpen_alpha", options.sharpen_alpha, 0, kNoLimit,
               "sharpening: weight of what the second smoothing takes away, uniform in this range");
    read_probability(section, "contrast_probability", options.contrast_probability,
                     "chance to bend the intensities of a crop, 0 .. 1");
    read_positive_range(section, "contrast_gamma", options.contrast_gamma,
                        "contrast: exponent between the minimum and the maximum of a crop, uniform in this range");
}

}  // namespace

void IntensityOptions::read(config::Section& section) {
    read_scanner(section, *this);
    read_noise(section, *this);
    read_contours(section, *this);
}

}  // namespace vox::data
