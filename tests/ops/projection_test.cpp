// Radiographs against chord lengths of boxes and ellipsoids, finite differences, and golden values of DiffDRR.

#include "ops/projection.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.hpp"
#include "support/golden.hpp"

namespace vox::ops {
namespace {

using core::Double3;

const std::array<View, 2> both{View::ap, View::lateral};
const auto real = at::TensorOptions(at::kDouble);

/// Distance in mm of each voxel's centre from the volume's, along one axis, shaped to broadcast over [D,H,W].
at::Tensor places(int64_t axis, int64_t count, double spacing) {
    std::vector<int64_t> shape{1, 1, 1};
    shape[static_cast<size_t>(axis)] = count;
    return ((at::arange(count, real) - 0.5 * static_cast<double>(count - 1)) * spacing).view(shape);
}

/// Share of each voxel that lies within `semi` of `centre` (mm): 8^3 points a voxel.
at::Tensor ellipsoid(const core::Index3& size, const Double3& spacing, const Double3& centre, const Double3& semi) {
    const int64_t fine = 8;
    at::Tensor radius = at::zeros({1, 1, 1}, real);
    for (size_t axis = 0; axis < 3; ++axis) {
        const auto at = places(static_cast<int64_t>(axis), size[axis] * fine, spacing[axis] / fine);
        radius = radius + ((at - centre[axis]) / semi[axis]).square();
    }
    const auto inside = (radius <= 1).to(at::kDouble).unsqueeze(0);
    return at::avg_pool3d(inside, {fine, fine, fine}).unsqueeze(0);
}

TEST(Projection, HounsfieldUnitsBecomeAttenuation) {
    const auto hu = at::tensor({-2000.0, -1000.0, -500.0, 0.0, 1000.0}, real);
    EXPECT_TRUE(at::allclose(attenuation_of_hu(hu, 0.02), at::tensor({0.0, 0.0, 0.01, 0.02, 0.04}, real), 0, 1e-15));
    EXPECT_NEAR(attenuation_of_hu(at::zeros({1}, real)).item<double>(), 0.02059, 1e-15);
}

// A box of water that touches no face: each ray sees its length or nothing, and the views say where it is.
TEST(Projection, AnOffCentreBoxLiesWhereTheReaderExpectsIt) {
    const Double3 spacing{3, 0.5, 2};
    auto volume = at::zeros({1, 1, 10, 12, 14}, real);
    // Near the head (D 7..8), the back (H 1..4) and the right side (W 11..12).
    volume.slice(2, 7, 9).slice(3, 1, 5).slice(4, 11, 13).fill_(0.1);
    const auto ap = project_parallel(volume, {&spacing, 1}, {both.data(), 1}, {});
    const auto lateral = project_parallel(volume, {&spacing, 1}, {both.data() + 1, 1}, {});
    auto wanted_ap = at::zeros({1, 1, 10, 14}, real);
    wanted_ap.slice(2, 1, 3).slice(3, 1, 3).fill_(0.1 * 4 * 0.5);  // high up, at the left of the image
    auto wanted_lateral = at::zeros({1, 1, 10, 12}, real);
    wanted_lateral.slice(2, 1, 3).slice(3, 7, 11).fill_(0.1 * 2 * 2);  // high up, at the right: the back
    EXPECT_LT((ap - wanted_ap).abs().max().item<double>(), 1e-14);
    EXPECT_LT((lateral - wanted_lateral).abs().max().item<double>(), 1e-14);
}

// The same places under diverging rays: centres of mass of both views, magnified by detector distance over distance of the box.
TEST(Projection, APerspectiveMagnifiesAndKeepsTheOrientation) {
    const Double3 spacing{2, 1.5, 2.5};
    const core::Index3 size{32, 40, 28};
    const Double3 centre{12, -15, 14};  // up, back, right
    const auto volume = ellipsoid(size, spacing, centre, {5, 4, 6}).mul(0.02);
    PerspectiveGeometry geometry{{96, 80}, 1200, 800, 2.0, 0.25};
    const auto views = project_perspective(volume, {&spacing, 1}, both, geometry)[0];
    const auto rows = at::arange(96, real).view({96, 1}), columns = at::arange(80, real).view({1, 80});
    for (int64_t view = 0; view < 2; ++view) {
        const auto image = views[view];
        const double along = centre[view == 0 ? 1 : 2], across = centre[view == 0 ? 2 : 1];
        const double zoom = 1200 / (800 - along) / 2.0;
        const double row = ((image * rows).sum() / image.sum()).item<double>();
        const double column = ((image * columns).sum() / image.sum()).item<double>();
        EXPECT_NEAR(row, 47.5 - centre[0] * zoom, 0.05) << view;
        EXPECT_NEAR(column, 39.5 - across * zoom, 0.05) << view;
    }
}

// Chords of an ellipsoid along an axis.  Voxels at its rim are partly inside, so that the sum over a column of voxels is the mean
// of the chords over the column's cross-section.
TEST(Projection, ParallelRaysSeeTheChordsOfAnEllipsoid) {
    const Double3 spacing{1, 1, 1}, centre{1, -2, 3}, semi{13, 15, 11};
    const auto views = project_parallel(ellipsoid({40, 40, 40}, spacing, centre, semi), {&spacing, 1}, both, {})[0];
    for (int64_t view = 0; view < 2; ++view) {
        const size_t along = view == 0 ? 1 : 2, across = view == 0 ? 2 : 1;
        double worst = 0;
        for (int64_t row = 0; row < 40; ++row) {
            for (int64_t column = 0; column < 40; ++column) {
                const double v = (19.5 - static_cast<double>(row) - centre[0]) / semi[0];
                const double u = (19.5 - static_cast<double>(column) - centre[across]) / semi[across];
                const double rest = 1 - u * u - v * v;
                if (rest < 0.3) continue;  // the chord is not linear over a pixel of the rim
                const double chord = 2 * semi[along] * std::sqrt(rest);
                worst = std::max(worst, std::abs(views[view][row][column].item<double>() - chord) / chord);
            }
        }
        EXPECT_LT(worst, 0.01) << view;
        // The whole: 4/3 pi abc mm^3 on pixels of 1 mm^2.
        EXPECT_NEAR(views[view].sum().item<double>() / (4.0 / 3 * M_PI * 13 * 15 * 11), 1, 2e-3) << view;
    }
}

/// The length in mm of the ray from `from` along `step` (1 = the detector) inside an ellipsoid; 0 where it misses.
double chord(const Double3& from, const Double3& step, const Double3& centre, const Double3& semi) {
    double a = 0, b = 0, c = -1, length = 0;  // a t^2 + b t + c = 0 on the surface
    for (size_t axis = 0; axis < 3; ++axis) {
        const double p = (from[axis] - centre[axis]) / semi[axis], q = step[axis] / semi[axis];
        a += q * q, b += 2 * p * q, c += p * p, length += step[axis] * step[axis];
    }
    const double root = b * b - 4 * a * c;
    return root <= 0 ? 0 : std::sqrt(root) / a * std::sqrt(length);
}

// Voxels are interpolated, so that the rim is a voxel wide, where chords change quickly: rays near it are left out.
TEST(Projection, APerspectiveSeesTheChordsOfAnEllipsoid) {
    const Double3 spacing{1, 1, 1}, centre{2, -3, 1}, semi{14, 12, 13}, around{15.5, 13.5, 14.5};
    const auto volume = ellipsoid({44, 44, 44}, spacing, centre, semi);
    const auto views = project_perspective(volume, {&spacing, 1}, both, {{24, 22}, 300, 200, 2.5, 0.2})[0];
    double worst = 0;
    int64_t hit = 0, missed = 0;
    for (int64_t pixel = 0; pixel < 2 * 24 * 22; ++pixel) {
        const int64_t view = pixel / (24 * 22), row = pixel / 22 % 24, column = pixel % 22;
        const size_t along = view == 0 ? 1 : 2, across = view == 0 ? 2 : 1;
        Double3 from{}, step{};
        from[along] = 200;
        step[along] = -300;
        step[0] = -(static_cast<double>(row) - 11.5) * 2.5;
        step[across] = -(static_cast<double>(column) - 10.5) * 2.5;
        const double wanted = chord(from, step, centre, semi);
        const bool misses = chord(from, step, centre, around) == 0;
        if (wanted < 18 && !misses) continue;
        (misses ? missed : hit) += 1;
        worst = std::max(worst, std::abs(views[view][row][column].item<double>() - wanted));
    }
    EXPECT_GT(hit, 150);
    EXPECT_GT(missed, 200);
    EXPECT_LT(worst, 0.25);  // a quarter of a voxel on chords of up to 28
}

// A volume of one value fills its box exactly, the half voxels beyond the outermost centres included.
TEST(Projection, AFullBoxHasItsEdgesInBothGeometries) {
    const Double3 spacing{2, 3, 5};
    const auto volume = at::full({1, 1, 6, 7, 5}, 0.03, real);
    const ParallelGeometry grid{{4, 9}, ViewResize::linear};
    const auto flat = project_parallel(volume, {&spacing, 1}, both, grid)[0];
    EXPECT_LT((flat[0] - 0.03 * 21).abs().max().item<double>(), 1e-14);
    EXPECT_LT((flat[1] - 0.03 * 25).abs().max().item<double>(), 1e-14);
    // Odd sizes: the middle ray is perpendicular.
    const auto seen = project_perspective(volume, {&spacing, 1}, both, {{1, 1}, 1500, 1000, 1, 0.5})[0];
    EXPECT_NEAR(seen[0].item<double>(), 0.03 * 21, 1e-12);
    EXPECT_NEAR(seen[1].item<double>(), 0.03 * 25, 1e-12);
    // A ray that misses sees nothing.
    const auto missed = project_perspective(volume, {&spacing, 1}, both, {{2, 2}, 1500, 1000, 200, 0.5});
    EXPECT_EQ(missed.abs().max().item<double>(), 0);
}

TEST(Projection, ViewsAreResizedAsTorchDoes) {
    const std::array<Double3, 2> spacing{{{1, 1, 1}, {2, 0.5, 3}}};
    const auto volume = test::uniform({2, 1, 8, 12, 12}, 1201);
    for (const ViewResize resize : {ViewResize::linear, ViewResize::area}) {
        const auto plain = project_parallel(volume, spacing, both, {});
        const auto small = project_parallel(volume, spacing, both, {{6, 5}, resize});
        const auto wanted = resize == ViewResize::area ? at::adaptive_avg_pool2d(plain, {6, 5})
                                                       : at::upsample_bilinear2d(plain, {6, 5}, false);
        EXPECT_LT((small - wanted).abs().max().item<double>(), 1e-13);
    }
    // The second item's own spacing.
    const auto views = project_parallel(volume, spacing, both, {});
    EXPECT_LT((views[1][0] - volume[1][0].sum(1).flip({0, 1}) * 0.5).abs().max().item<double>(), 1e-13);
    EXPECT_LT((views[1][1] - volume[1][0].sum(2).flip({0, 1}) * 3).abs().max().item<double>(), 1e-13);
}

/// Largest difference of the gradient of sum(weights * views) and finite differences, over a few voxels, relative to the largest.
template <class Project>
double gradient_error(Project&& project) {
    auto volume = test::uniform({1, 1, 5, 6, 7}, 1202).requires_grad_(true);
    const auto views = project(volume);
    const auto weights = test::uniform(views.sizes(), 1203);
    (views * weights).sum().backward();
    const auto gradient = volume.grad().view(-1);
    const auto flat = volume.detach().clone().view(-1);
    double worst = 0;
    for (int64_t voxel = 0; voxel < flat.numel(); voxel += 11) {
        const double step = 1e-4;
        const auto at_moved = [&](double by) {
            auto moved = flat.clone();
            moved[voxel] += by;
            return (project(moved.view(volume.sizes())) * weights).sum().template item<double>();
        };
        const double difference = (at_moved(step) - at_moved(-step)) / (2 * step);
        worst = std::max(worst, std::abs(difference - gradient[voxel].template item<double>()));
    }
    return worst / gradient.abs().max().template item<double>();
}

TEST(Projection, GradientsEqualFiniteDifferences) {
    const Double3 spacing{2, 1, 1.5};
    for (const ViewResize resize : {ViewResize::linear, ViewResize::area}) {
        EXPECT_LT(gradient_error([&](const at::Tensor& volume) {
                      return project_parallel(volume, {&spacing, 1}, both, {{4, 5}, resize});
                  }),
                  1e-9);
    }
    EXPECT_LT(gradient_error([&](const at::Tensor& volume) {
                  return project_perspective(volume, {&spacing, 1}, both, {{6, 5}, 60, 40, 3, 0.3});
              }),
              1e-9);
    auto hu = at::tensor({-1500.0, 200.0}, real).requires_grad_(true);
    attenuation_of_hu(hu, 0.02).sum().backward();
    EXPECT_TRUE(at::allclose(hu.grad(), at::tensor({0.0, 0.02e-3}, real), 0, 1e-18));
}

TEST(Projection, BatchesOfNoneAndItemsBesideOthers) {
    const auto none = at::zeros({0, 1, 4, 4, 4}, at::kFloat);
    EXPECT_EQ(project_parallel(none, {}, both, {{3, 5}, ViewResize::linear}).sizes(), (at::IntArrayRef{0, 2, 3, 5}));
    EXPECT_EQ(project_parallel(none, {}, both, {}).sizes(), (at::IntArrayRef{0, 2, 4, 4}));
    EXPECT_EQ(project_perspective(none, {}, both, {{3, 5}}).sizes(), (at::IntArrayRef{0, 2, 3, 5}));

    const std::array<Double3, 2> spacing{{{1, 2, 3}, {2, 1, 1}}};
    const auto volume = test::uniform({2, 1, 6, 6, 6}, 1204).to(at::kFloat);
    const PerspectiveGeometry geometry{{7, 5}, 90, 60, 2, 0.5};
    const auto together = project_perspective(volume, spacing, both, geometry);
    EXPECT_EQ(together.scalar_type(), at::kFloat);
    for (size_t item = 0; item < 2; ++item) {
        const auto one = volume.narrow(0, static_cast<int64_t>(item), 1);
        EXPECT_TRUE(at::equal(project_perspective(one, {&spacing[item], 1}, both, geometry)[0],
                              together[static_cast<int64_t>(item)]));
    }
}

TEST(Projection, RefusesWhatDoesNotFit) {
    const Double3 spacing{1, 1, 1}, flat{1, 0, 1};
    const auto volume = at::zeros({1, 1, 4, 5, 6}, at::kFloat);
    EXPECT_THROW(project_parallel(volume, {}, both, {{4, 4}}), core::InternalError);
    EXPECT_THROW(project_parallel(volume, {&flat, 1}, both, {{4, 4}}), core::InternalError);
    EXPECT_THROW(project_parallel(volume[0], {&spacing, 1}, both, {{4, 4}}), core::InternalError);
    EXPECT_THROW(project_parallel(volume, {&spacing, 1}, both, {}), core::InternalError);  // 4x6 and 4x5
    EXPECT_THROW(project_perspective(volume, {&spacing, 1}, both, {{4, 4}, 10, 20}), core::InternalError);
    EXPECT_THROW(project_perspective(volume, {&spacing, 1}, both, {{4, 4}, 10, 2}), core::InternalError);  // inside
    EXPECT_EQ(view_of("lateral"), View::lateral);
    EXPECT_THROW(view_of("pa"), core::DataError);
}

// DiffDRR: its own detector and rays, its trilinear renderer (finely sampled) and Siddon's exact lengths through voxels.
TEST(Projection, PerspectiveEqualsDiffDrr) {
    const auto golden = test::golden_json("projection");
    test::GoldenArrays arrays("projection");
    const auto size = golden["size"].get<std::vector<int64_t>>();
    const std::array<int64_t, 3> inner{size[0] - 6, size[1] - 6, size[2] - 6};
    auto volume = at::zeros({1, 1, size[0], size[1], size[2]}, real);
    volume.slice(2, 3, size[0] - 3).slice(3, 3, size[1] - 3).slice(4, 3, size[2] - 3).copy_(test::uniform(inner, 1200));
    const auto spacing = golden["spacing_mm"].get<std::array<double, 3>>();
    const PerspectiveGeometry geometry{golden["view_size"].get<std::array<int64_t, 2>>(), golden["source_detector_mm"],
                                       golden["source_isocentre_mm"], golden["pixel_mm"], 0.02};
    const auto views = project_perspective(volume, {&spacing, 1}, both, geometry)[0];
    const auto [h, w] = geometry.view_size;
    for (int64_t view = 0; view < 2; ++view) {
        const auto trilinear = arrays.next({h, w}), siddon = arrays.next({h, w});
        EXPECT_LT(test::relative_difference(views[view], trilinear), 5e-6) << view;
        // Voxels of one value each, where ours are interpolated: noise differs, the whole does not.
        EXPECT_NEAR((views[view].sum() / siddon.sum()).item<double>(), 1, 0.02) << view;
        EXPECT_LT(test::relative_difference(views[view], siddon), 0.1) << view;
    }
    EXPECT_TRUE(arrays.at_end());
}

}  // namespace
}  // namespace vox::ops
