// Resampling against closed forms (linear functions, identity, permuted axes) and golden values of MONAI.

#include "ops/resample.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "support/golden.hpp"

namespace vox::ops {
namespace {

using core::Affine;
using core::Double3;

/// Turned by `angle` around x, then scaled.
VoxelGrid oblique(core::Index3 size, const Double3& spacing, double angle, const Double3& origin) {
    const double c = std::cos(angle), s = std::sin(angle);
    return {size,
            {{{spacing[0], 0, 0, origin[0]},
              {0, c * spacing[1], -s * spacing[2], origin[1]},
              {0, s * spacing[1], c * spacing[2], origin[2]},
              {0, 0, 0, 1}}}};
}

Double3 place(const VoxelGrid& grid, int64_t i, int64_t j, int64_t k) {
    Double3 p{};
    for (size_t row = 0; row < 3; ++row) {
        p[row] = grid.affine[row][0] * static_cast<double>(i) + grid.affine[row][1] * static_cast<double>(j) +
                 grid.affine[row][2] * static_cast<double>(k) + grid.affine[row][3];
    }
    return p;
}

/// value(place in mm) at every voxel, [1,D,H,W] float64.
template <class Value>
at::Tensor sampled(const VoxelGrid& grid, Value&& value) {
    auto out = at::empty({1, grid.size[2], grid.size[1], grid.size[0]}, at::kDouble);
    auto* next = out.mutable_data_ptr<double>();
    for (int64_t k = 0; k < grid.size[2]; ++k)
        for (int64_t j = 0; j < grid.size[1]; ++j)
            for (int64_t i = 0; i < grid.size[0]; ++i) *next++ = value(place(grid, i, j, k));
    return out;
}

// Trilinear interpolation is exact for linear functions, whatever the angle between the grids.
TEST(Resample, ALinearFunctionOfSpaceStaysItself) {
    const auto plane = [](const Double3& p) { return 3 + 0.7 * p[0] - 1.3 * p[1] + 0.25 * p[2]; };
    const VoxelGrid from = oblique({30, 28, 26}, {0.9, 1.1, 1.7}, 0.3, {-12, -10, -20});
    const VoxelGrid to = oblique({9, 8, 7}, {0.7, 0.6, 0.5}, -0.4, {-2, -1, -2});
    const auto wanted = sampled(to, plane);
    const auto found = resample(sampled(from, plane), from, to, Interpolation::linear);
    EXPECT_LT((found - wanted).abs().max().item<double>(), 1e-12);
    const auto single = resample(sampled(from, plane).to(at::kFloat), from, to, Interpolation::linear);
    EXPECT_EQ(single.scalar_type(), at::kFloat);
    EXPECT_LT((single - wanted).abs().max().item<double>(), 1e-5);
}

TEST(Resample, VoxelsThatStayInPlaceKeepTheirBits) {
    const VoxelGrid coarse = oblique({11, 10, 5}, {0.5, 0.5, 3.0}, 0.2, {4, 5, 6});
    const VoxelGrid fine = with_spacing(coarse, {0.5, 0.5, 0.5});
    EXPECT_EQ(fine.size, (core::Index3{11, 10, 25}));
    const auto volume = test::uniform({2, 5, 10, 11}, 3).to(at::kFloat);
    const auto up = resample(volume, coarse, fine, Interpolation::linear);
    EXPECT_TRUE(at::equal(up.slice(1, 0, 25, 6), volume));
    EXPECT_TRUE(at::equal(resample(up, fine, coarse, Interpolation::linear), volume));
    EXPECT_TRUE(at::equal(resample(volume, coarse, coarse, Interpolation::nearest), volume));
}

TEST(Resample, OtherOrdersOfAxesAreFollowed) {
    const VoxelGrid from{{4, 3, 2}, {{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}}};
    // i runs along -z, j along x, k along y.
    const VoxelGrid to{{2, 4, 3}, {{{0, 1, 0, 0}, {0, 0, 1, 0}, {-1, 0, 0, 1}, {0, 0, 0, 1}}}};
    const auto volume = test::uniform({3, 2, 3, 4}, 1);
    const auto wanted = volume.permute({0, 2, 3, 1}).flip({3});
    EXPECT_TRUE(at::equal(resample(volume, from, to, Interpolation::linear), wanted));
    EXPECT_TRUE(at::equal(resample(volume, from, to, Interpolation::nearest), wanted));
}

TEST(Resample, NearestTakesTiesDownAndEveryVoxelAnEqualShare) {
    const VoxelGrid coarse{{4, 1, 1}, {{{3, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}}};
    const VoxelGrid fine = with_spacing(coarse, {0.5, 1, 1});
    const auto label = at::tensor({7, 8, 9, 5}, at::kByte).view({1, 1, 1, 4});
    const auto found = resample(label, coarse, fine, Interpolation::nearest).flatten();
    const auto wanted = at::cat({at::full({4}, 7), at::full({6}, 8), at::full({6}, 9), at::full({3}, 5)}).to(at::kByte);
    EXPECT_TRUE(at::equal(found, wanted)) << found;
}

TEST(Resample, BeyondTheEdgeTheClosestVoxelCounts) {
    const VoxelGrid from{{2, 1, 1}, {{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}}};
    const VoxelGrid to{{4, 1, 1}, {{{1, 0, 0, -1.25}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}}};
    const auto volume = at::tensor({10.0, 20.0}, at::kDouble).view({1, 1, 1, 2});
    const auto found = resample(volume, from, to, Interpolation::linear).flatten();
    EXPECT_TRUE(at::allclose(found, at::tensor({10.0, 10.0, 17.5, 20.0}, at::kDouble))) << found;
}

// Slabs of the output are an implementation's matter: a volume larger than one slab has no seam.
TEST(Resample, LargeVolumesHaveNoSeams) {
    const auto plane = [](const Double3& p) { return p[0] - 2 * p[1] + 3 * p[2]; };
    const VoxelGrid from = oblique({40, 40, 40}, {4, 4, 4}, 0.1, {0, 0, 0});
    VoxelGrid to = with_spacing(from, {1, 1, 1});
    ASSERT_GT(to.size[0] * to.size[1] * to.size[2], 3'000'000);
    const auto found = resample(sampled(from, plane), from, to, Interpolation::linear);
    EXPECT_LT((found - sampled(to, plane)).abs().max().item<double>(), 1e-9);
}

TEST(Resample, SpacingKeepsTheFirstVoxelAndRoundsTheLength) {
    const VoxelGrid grid = oblique({10, 20, 7}, {0.4, 0.4, 3.3}, 0.3, {1, 2, 3});
    const VoxelGrid other = with_spacing(grid, {0.5, 0.4, 1.0});
    EXPECT_EQ(other.size, (core::Index3{8, 20, 21}));  // 3.6 / 0.5 = 7.2, 6 * 3.3 = 19.8
    for (size_t row = 0; row < 3; ++row) EXPECT_EQ(other.affine[row][3], grid.affine[row][3]);
    EXPECT_NEAR(core::column_length(other.affine, 0), 0.5, 1e-12);
    EXPECT_NEAR(core::column_length(other.affine, 2), 1.0, 1e-12);
    EXPECT_THROW(with_spacing(grid, {0.5, 0, 1}), core::InternalError);
}

TEST(Resample, FieldsOfViewAreCompared) {
    const VoxelGrid a = oblique({10, 10, 10}, {1, 1, 1}, 0, {0, 0, 0});
    EXPECT_TRUE(holds_centre(a, a));
    EXPECT_TRUE(holds_centre(a, oblique({2, 2, 2}, {1, 1, 1}, 0, {8.9, 0, 0})));
    EXPECT_FALSE(holds_centre(a, oblique({2, 2, 2}, {1, 1, 1}, 0, {9.1, 0, 0})));
    VoxelGrid b = a;
    b.affine[0][3] = 3;
    b.affine[1][3] = 4;
    EXPECT_DOUBLE_EQ(corner_distance_mm(a, b), 5);
}

VoxelGrid from_json(const nlohmann::json& json) {
    VoxelGrid grid{json.at("size"), {}};
    for (size_t row = 0; row < 4; ++row) grid.affine[row] = json.at("affine").at(row).get<std::array<double, 4>>();
    return grid;
}

// tools/golden/resample.py: grids turned against each other, one reaching beyond the volume on every side, and Spacing's own.
TEST(Resample, EqualsMonai) {
    const auto golden = test::golden_json("resample");
    test::GoldenArrays arrays("resample");
    const VoxelGrid source = from_json(golden.at("source"));
    const auto volume = test::uniform({2, source.size[2], source.size[1], source.size[0]}, 930);
    for (const auto& one : golden.at("cases")) {
        const VoxelGrid to = from_json(one);
        const bool linear = one.at("interpolation") == "bilinear";
        const auto found = resample(volume, source, to, linear ? Interpolation::linear : Interpolation::nearest);
        const auto wanted = arrays.next(found.sizes());
        EXPECT_LT((found - wanted).abs().max().item<double>(), 1e-7)
            << one.at("name") << ' ' << one.at("interpolation");
        if (one.at("name") != "spacing") continue;
        const VoxelGrid spaced = with_spacing(source, golden.at("spacing_mm"));
        EXPECT_EQ(spaced.size, to.size);
        EXPECT_LT(corner_distance_mm(spaced, to), 1e-9);
    }
    EXPECT_TRUE(arrays.at_end());
}

TEST(Resample, WrongVolumesAreRefused) {
    const VoxelGrid grid = oblique({4, 3, 2}, {1, 1, 1}, 0, {0, 0, 0});
    EXPECT_THROW(resample(at::zeros({1, 4, 3, 2}), grid, grid, Interpolation::linear), core::InternalError);
    EXPECT_THROW(resample(at::zeros({1, 2, 3, 4}, at::kByte), grid, grid, Interpolation::linear), core::InternalError);
    VoxelGrid flat = grid;
    flat.affine[2][2] = 0;
    EXPECT_THROW(resample(at::zeros({1, 2, 3, 4}), flat, grid, Interpolation::nearest), core::InternalError);
}

}  // namespace
}  // namespace vox::ops
