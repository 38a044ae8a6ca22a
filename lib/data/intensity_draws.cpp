#include "data/intensity_draws.hpp"

namespace vox::data {
namespace {

/// The numbers of one item and purpose, in order.
class Numbers {
public:
    Numbers(const ops::RandomKey& key, ops::Purpose purpose) : key_(key), purpose_(purpose) {}
    bool happens(double probability) { return next() < probability; }
    double between(double low, double high) { return low + (high - low) * next(); }
    double within(const std::vector<double>& range) { return between(range[0], range[1]); }

private:
    double next() { return ops::random_uniform(key_, purpose_, 0, index_++); }
    ops::RandomKey key_;
    ops::Purpose purpose_;
    uint32_t index_ = 0;
};

}  // namespace

int64_t bias_field_terms(int64_t degree) { return (degree + 1) * (degree + 2) * (degree + 3) / 6; }

std::optional<BiasField> draw_bias_field(const IntensityOptions& options, const ops::RandomKey& key) {
    Numbers numbers(key, ops::Purpose::bias_field);
    if (!numbers.happens(options.bias_field_probability)) return std::nullopt;
    BiasField draw{options.bias_field_degree, {}};
    draw.coefficients.resize(static_cast<size_t>(bias_field_terms(draw.degree)));
    for (double& coefficient : draw.coefficients) coefficient = numbers.within(options.bias_field_coefficients);
    return draw;
}

std::optional<GaussianSmooth> draw_gaussian_smooth(const IntensityOptions& options, const ops::RandomKey& key) {
    Numbers numbers(key, ops::Purpose::gaussian_smooth);
    if (!numbers.happens(options.gaussian_smooth_probability)) return std::nullopt;
    GaussianSmooth draw;
    for (double& sigma : draw.sigma) sigma = numbers.within(options.gaussian_smooth_sigma);
    return draw;
}

std::optional<GibbsNoise> draw_gibbs_noise(const IntensityOptions& options, const ops::RandomKey& key) {
    Numbers numbers(key, ops::Purpose::gibbs_noise);
    if (!numbers.happens(options.gibbs_noise_probability)) return std::nullopt;
    return GibbsNoise{numbers.within(options.gibbs_noise_alpha)};
}

std::optional<GaussianNoise> draw_gaussian_noise(const IntensityOptions& options, const ops::RandomKey& key) {
    Numbers numbers(key, ops::Purpose::gaussian_noise);
    if (!numbers.happens(options.gaussian_noise_probability)) return std::nullopt;
    return GaussianNoise{options.gaussian_noise_mean, numbers.between(0, options.gaussian_noise_std)};
}

std::optional<Sharpen> draw_sharpen(const IntensityOptions& options, const ops::RandomKey& key) {
    Numbers numbers(key, ops::Purpose::sharpen);
    if (!numbers.happens(options.sharpen_probability)) return std::nullopt;
    Sharpen draw;
    for (double& sigma : draw.sigma1) sigma = numbers.within(options.sharpen_sigma1);
    for (size_t axis = 0; axis < 3; ++axis) {
        draw.sigma2[axis] = numbers.between(options.sharpen_sigma2, draw.sigma1[axis]);
    }
    draw.alpha = numbers.within(options.sharpen_alpha);
    return draw;
}

std::optional<Contrast> draw_contrast(const IntensityOptions& options, const ops::RandomKey& key) {
    Numbers numbers(key, ops::Purpose::contrast);
    if (!numbers.happens(options.contrast_probability)) return std::nullopt;
    return Contrast{numbers.within(options.contrast_gamma)};
}

}  // namespace vox::data
