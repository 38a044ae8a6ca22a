#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "data/augment_spatial.hpp"

namespace vox::data {
namespace {

/// Every part with ranges of its own.
SpatialOptions all_parts() {
    SpatialOptions options;
    options.affine = {{0.3, 0.2, 5}, {0.1, 0, 0, 0, 0, 0.5}, {1, 2, 3}, {0.1, 0.1, 0.1}};
    options.elastic.translate = {0.5, 0.5, 0.5};
    return options;
}

void expect_near(const core::Affine& a, const core::Affine& b) {
    for (size_t row = 0; row < 4; ++row) {
        for (size_t column = 0; column < 4; ++column) EXPECT_NEAR(a[row][column], b[row][column], 1e-12);
    }
}

TEST(AugmentSpatialDraw, PartsAreDrawnIndependentlyAndComposedInOrder) {
    SpatialOptions all = all_parts();
    all.affine_probability = all.rotate_probability = all.zoom_probability = all.elastic_probability = 1;
    const SpatialOptions none;
    SpatialOptions affine = all, rotate = all, zoom = all, elastic = all;
    affine.rotate_probability = affine.zoom_probability = affine.elastic_probability = 0;
    rotate.affine_probability = rotate.zoom_probability = rotate.elastic_probability = 0;
    zoom.affine_probability = zoom.rotate_probability = zoom.elastic_probability = 0;
    elastic.affine_probability = elastic.rotate_probability = elastic.zoom_probability = 0;
    for (uint32_t position = 0; position < 20; ++position) {
        const ops::RandomKey key{4, 1, position, 0};
        const SpatialDraw whole_draw = draw_spatial(all, key);
        const auto matrix_of = [&](const SpatialOptions& options) { return draw_spatial(options, key).matrix; };
        expect_near(whole_draw.matrix, matrix_of(affine) * matrix_of(rotate) * matrix_of(zoom) * matrix_of(elastic));
        for (const SpatialOptions* one : {&affine, &rotate, &zoom, &elastic}) {
            EXPECT_TRUE(draw_spatial(*one, key).moved);
            EXPECT_EQ(draw_spatial(*one, key).elastic.has_value(), one == &elastic);
        }
        EXPECT_FALSE(draw_spatial(none, key).moved);
        ASSERT_TRUE(whole_draw.elastic.has_value());
        EXPECT_EQ(whole_draw.elastic->sigma, draw_spatial(elastic, key).elastic->sigma);
    }
}

TEST(AugmentSpatialDraw, DrawsHaveTheirProbabilitiesAndRanges) {
    SpatialOptions options;
    options.zoom_probability = 0.25;
    options.elastic_probability = 0.5;
    options.rotate90_probability = 0.75;
    options.elastic_magnitude = {3, 5};
    options.zoom_min = 0.8;
    options.zoom_max = 1.5;
    constexpr int n = 10000;
    int zoomed = 0, elastic = 0, both = 0;
    std::array<int, 4> turns{};
    double zoom_low = 9, zoom_high = 0, sigma_low = 9, sigma_high = 0, magnitude_low = 9, magnitude_high = 0;
    double product = 0;
    for (uint32_t i = 0; i < n; ++i) {
        const SpatialDraw draw = draw_spatial(options, {1, 0, i, 0});
        const bool zooms = draw.matrix[0][0] != 1;
        zoomed += zooms;
        both += zooms && draw.elastic;
        ++turns.at(static_cast<size_t>(draw.quarter_turns));
        if (zooms) {
            zoom_low = std::min(zoom_low, 1 / draw.matrix[0][0]);
            zoom_high = std::max(zoom_high, 1 / draw.matrix[0][0]);
            EXPECT_EQ(draw.matrix[0][0], draw.matrix[2][2]);  // one factor for all axes
        }
        if (!draw.elastic) continue;
        ++elastic;
        sigma_low = std::min(sigma_low, draw.elastic->sigma);
        sigma_high = std::max(sigma_high, draw.elastic->sigma);
        product += (draw.elastic->sigma - 1) * (draw.elastic->magnitude - 4);
        magnitude_low = std::min(magnitude_low, draw.elastic->magnitude);
        magnitude_high = std::max(magnitude_high, draw.elastic->magnitude);
    }
    // Five standard deviations of the binomial.
    EXPECT_NEAR(zoomed, 2500, 5 * 43.3);
    EXPECT_NEAR(elastic, 5000, 5 * 50);
    EXPECT_NEAR(both, 1250, 5 * 33.1);
    for (const int times : {turns[1], turns[2], turns[3]}) EXPECT_NEAR(times, 2500, 5 * 43.3);
    EXPECT_NEAR(zoom_low, 0.8, 0.001);
    EXPECT_NEAR(zoom_high, 1.5, 0.001);
    EXPECT_LE(zoom_high, 1.5);
    EXPECT_GE(zoom_low, 0.8);
    EXPECT_NEAR(sigma_low, 0.5, 0.002);
    EXPECT_NEAR(sigma_high, 1.5, 0.002);
    EXPECT_NEAR(magnitude_low, 3, 0.005);
    EXPECT_NEAR(magnitude_high, 5, 0.005);
    // Independent of each other: standard deviations 1 and 2 over the root of 12.
    EXPECT_NEAR(product / elastic, 0, 5 * (1.0 / 12) * 2 / 70);
}

TEST(AugmentSpatialDraw, AffineNumbersReachTheirParameters) {
    // One range at a time: the drawn matrix must have that number, and no other one.
    const auto drawn = [](const AffineRanges& ranges) {
        SpatialOptions options;
        options.affine_probability = 1;
        options.affine = ranges;
        return draw_spatial(options, {3, 0, 5, 0}).matrix;
    };
    std::set<int64_t> numbers;  // each parameter's, from -1000 to 1000
    const auto note = [&numbers](double value) { numbers.insert(std::lround(1000 * value)); };
    const AffineRanges none;
    expect_near(drawn(none), identity());
    for (size_t axis = 0; axis < 3; ++axis) {
        AffineRanges turned, moved, scaled;
        turned.rotate[axis] = 0.5;
        moved.translate[axis] = 7;
        scaled.scale[axis] = 0.5;
        const core::Affine turn = drawn(turned), move = drawn(moved), scale = drawn(scaled);
        EXPECT_NEAR(turn[axis][axis], 1, 1e-12);  // the axis of the rotation stays
        EXPECT_NEAR(std::hypot(turn[(axis + 1) % 3][(axis + 1) % 3], turn[(axis + 1) % 3][(axis + 2) % 3]), 1, 1e-12);
        EXPECT_LT(turn[(axis + 1) % 3][(axis + 1) % 3], 1);
        core::Affine expected = identity();
        expected[axis][3] = move[axis][3];
        expect_near(move, expected);
        EXPECT_TRUE(move[axis][3] != 0 && std::abs(move[axis][3]) <= 7);
        expected = identity();
        expected[axis][axis] = scale[axis][axis];
        expect_near(scale, expected);
        EXPECT_TRUE(scale[axis][axis] != 1 && std::abs(scale[axis][axis] - 1) <= 0.5);
        note(std::asin(turn[(axis + 2) % 3][(axis + 1) % 3]) / 0.5);
        note(move[axis][3] / 7);
        note((scale[axis][axis] - 1) / 0.5);
    }
    const std::array<std::pair<size_t, size_t>, 6> places{{{0, 1}, {0, 2}, {1, 0}, {1, 2}, {2, 0}, {2, 1}}};
    for (size_t i = 0; i < 6; ++i) {
        AffineRanges sheared;
        sheared.shear[i] = 0.5;
        const core::Affine shear = drawn(sheared);
        core::Affine expected = identity();
        const auto [row, column] = places[i];
        expected[row][column] = shear[row][column];
        expect_near(shear, expected);
        EXPECT_TRUE(shear[row][column] != 0 && std::abs(shear[row][column]) <= 0.5);
        note(shear[row][column] / 0.5);
    }
    EXPECT_EQ(numbers.size(), 15u);  // no two parameters share a random number
}

TEST(AugmentSpatialDraw, ElasticAndRotateTakeTheirOwnRanges) {
    // Largest entries over many draws: each range has to show where its parameter stands, and in its size.
    SpatialOptions rotate, elastic;
    rotate.rotate_probability = elastic.elastic_probability = 1;
    rotate.rotate_range = {0, 0.4, 0};
    elastic.elastic.translate = {1, 2, 3};
    const auto largest = [](const SpatialOptions& options, size_t row, size_t column) {
        double value = 0;
        for (uint32_t i = 0; i < 1000; ++i) {
            const core::Affine matrix = draw_spatial(options, {1, 0, i, 0}).matrix;
            value = std::max(value, std::abs(matrix[row][column] - (row == column)));
        }
        return value;
    };
    EXPECT_NEAR(largest(rotate, 0, 2), std::sin(0.4), 0.002);
    EXPECT_EQ(largest(rotate, 0, 1), 0);
    for (size_t axis = 0; axis < 3; ++axis) {
        EXPECT_NEAR(largest(elastic, axis, 3), 1 + static_cast<double>(axis), 0.01);
        EXPECT_EQ(largest(elastic, axis, axis), 0);
    }
    elastic.elastic = {{0, 0, 0.3}, {0, 0, 0, 0, 0, 0}, {0, 0, 0}, {0, 0, 0}};
    EXPECT_NEAR(largest(elastic, 0, 1), std::sin(0.3), 0.002);
    elastic.elastic = {{0, 0, 0}, {0, 0, 0, 0.2, 0, 0}, {0, 0, 0}, {0, 0, 0}};
    EXPECT_NEAR(largest(elastic, 1, 2), 0.2, 0.002);
    EXPECT_EQ(largest(elastic, 2, 1), 0);
    elastic.elastic = {{0, 0, 0}, {0, 0, 0, 0, 0, 0}, {0, 0, 0}, {0, 0, 0.25}};
    EXPECT_NEAR(largest(elastic, 2, 2), 0.25, 0.002);
    EXPECT_EQ(largest(elastic, 1, 1), 0);
}

}  // namespace
}  // namespace vox::data
