#pragma once
// What a user may configure about the augmentation of intensities: section `data.intensity`.

#include <cstdint>
#include <vector>

#include "config/section.hpp"

namespace vox::data {

/// Every transform is off until its probability is set.  The ranges are those of the Prostate158 recipe; a list of two numbers is
/// [low, high), uniform, one draw an item for all its channels.
struct IntensityOptions {
    double bias_field_probability = 0;
    int64_t bias_field_degree = 10;
    std::vector<double> bias_field_coefficients{0, 0.01};
    double gaussian_smooth_probability = 0;
    std::vector<double> gaussian_smooth_sigma{0.25, 1.5};  // voxels, drawn for each axis
    double gibbs_noise_probability = 0;
    std::vector<double> gibbs_noise_alpha{0.5, 1};
    double gaussian_noise_probability = 0;
    double gaussian_noise_mean = 0.1;
    double gaussian_noise_std = 0.25;  // the standard deviation is uniform in [0, this)
    double sharpen_probability = 0;
    std::vector<double> sharpen_sigma1{0.5, 1};  // voxels, drawn for each axis
    double sharpen_sigma2 = 0.5;  // voxels; drawn for each axis from here to the axis' sigma1
    std::vector<double> sharpen_alpha{10, 30};
    double contrast_probability = 0;
    std::vector<double> contrast_gamma{0.5, 2};

    /// Takes the keys above.  Throws ConfigError for values that cannot work.
    void read(config::Section& section);
};

}  // namespace vox::data
