#include "data/intensity_draws.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "data/intensity_fixtures.hpp"

namespace vox::data {
namespace {

/// Uniform in [low, high): all inside, both ends nearly reached, the mean within five of its standard deviations.
void expect_uniform(const std::vector<double>& values, double low, double high, const char* what) {
    const double width = high - low, n = static_cast<double>(values.size());
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    EXPECT_GE(*least, low) << what;
    EXPECT_LT(*most, high) << what;
    EXPECT_LT(*least, low + 0.01 * width) << what;
    EXPECT_GT(*most, high - 0.01 * width) << what;
    EXPECT_NEAR(std::accumulate(values.begin(), values.end(), 0.0) / n, (low + high) / 2, 5 * width / std::sqrt(12 * n))
        << what;
}

TEST(IntensityDraws, HaveTheirRanges) {
    IntensityOptions options = test::all_intensities();
    options.bias_field_degree = 2;
    options.bias_field_coefficients = {-0.2, 0.1};
    options.gaussian_smooth_sigma = {0.5, 2};
    options.gibbs_noise_alpha = {0.1, 0.4};
    options.gaussian_noise_mean = -0.3;
    options.gaussian_noise_std = 0.5;
    options.sharpen_sigma1 = {0.6, 0.9};
    options.sharpen_sigma2 = 0.2;
    options.sharpen_alpha = {5, 8};
    options.contrast_gamma = {0.75, 1.5};
    std::map<std::string, std::vector<double>> drawn;
    for (uint32_t position = 0; position < 2000; ++position) {
        const ops::RandomKey key{5, 0, position, 0};
        const auto bias = draw_bias_field(options, key).value();
        EXPECT_EQ(bias.degree, 2);
        EXPECT_EQ(bias.coefficients.size(), 10u);
        drawn["first coefficient"].push_back(bias.coefficients.front());
        drawn["last coefficient"].push_back(bias.coefficients.back());
        const auto smooth = draw_gaussian_smooth(options, key).value();
        const auto sharper = draw_sharpen(options, key).value();
        for (size_t axis = 0; axis < 3; ++axis) {
            drawn["smooth sigma " + std::to_string(axis)].push_back(smooth.sigma[axis]);
            drawn["sharpen sigma1 " + std::to_string(axis)].push_back(sharper.sigma1[axis]);
            drawn["share of sigma2 " + std::to_string(axis)].push_back((sharper.sigma2[axis] - 0.2) /
                                                                       (sharper.sigma1[axis] - 0.2));
        }
        drawn["sharpen alpha"].push_back(sharper.alpha);
        drawn["Gibbs alpha"].push_back(draw_gibbs_noise(options, key).value().alpha);
        const auto noise = draw_gaussian_noise(options, key).value();
        EXPECT_EQ(noise.mean, -0.3);
        drawn["noise"].push_back(noise.standard_deviation);
        drawn["gamma"].push_back(draw_contrast(options, key).value().gamma);
    }
    const std::map<std::string, std::array<double, 2>> ranges{{"first coefficient", {-0.2, 0.1}},
                                                              {"last coefficient", {-0.2, 0.1}},
                                                              {"sharpen alpha", {5, 8}},
                                                              {"Gibbs alpha", {0.1, 0.4}},
                                                              {"noise", {0, 0.5}},
                                                              {"gamma", {0.75, 1.5}},
                                                              {"smooth sigma 0", {0.5, 2}},
                                                              {"smooth sigma 1", {0.5, 2}},
                                                              {"smooth sigma 2", {0.5, 2}},
                                                              {"sharpen sigma1 0", {0.6, 0.9}},
                                                              {"sharpen sigma1 1", {0.6, 0.9}},
                                                              {"sharpen sigma1 2", {0.6, 0.9}},
                                                              {"share of sigma2 0", {0, 1}},
                                                              {"share of sigma2 1", {0, 1}},
                                                              {"share of sigma2 2", {0, 1}}};
    ASSERT_EQ(drawn.size(), ranges.size());
    for (const auto& [name, range] : ranges) expect_uniform(drawn.at(name), range[0], range[1], name.c_str());
    // The axes of an item, and what follows one another, are different numbers.
    for (const auto& [name, values] : drawn) {
        for (const auto& [other, other_values] : drawn) {
            EXPECT_EQ(values == other_values, name == other) << name << ", " << other;
        }
    }
}

TEST(IntensityDraws, HappenAsOftenAsTheyShallAndIndependently) {
    const IntensityOptions options = test::all_intensities(0.25);
    constexpr int n = 4000;
    std::array<int, 6> count{};
    std::array<std::array<int, 6>, 6> both{};
    for (uint32_t position = 0; position < n; ++position) {
        const ops::RandomKey key{6, 1, position, 0};
        const std::array<bool, 6> on{
            draw_bias_field(options, key).has_value(),  draw_gaussian_smooth(options, key).has_value(),
            draw_gibbs_noise(options, key).has_value(), draw_gaussian_noise(options, key).has_value(),
            draw_sharpen(options, key).has_value(),     draw_contrast(options, key).has_value()};
        for (size_t i = 0; i < 6; ++i) {
            count[i] += on[i];
            for (size_t j = 0; j < i; ++j) both[i][j] += on[i] && on[j];
        }
    }
    for (size_t i = 0; i < 6; ++i) {
        EXPECT_NEAR(count[i], n / 4, 5 * std::sqrt(n * 0.25 * 0.75)) << i;  // binomial
        for (size_t j = 0; j < i; ++j) EXPECT_NEAR(both[i][j], n / 16, 5 * std::sqrt(n / 16.0 * 15 / 16)) << i << j;
    }
}

}  // namespace
}  // namespace vox::data
