// The physics of X-rays as a loss: against radiographs whose answer is known, least squares of LAPACK, and finite differences.

#include "loss/projection.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_lstsq.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "ops/projection.hpp"
#include "support/golden.hpp"

namespace vox::loss {
namespace {

constexpr std::array<ops::View, 2> kBoth{ops::View::ap, ops::View::lateral};

/// Two bodies of uneven attenuation, in 1/mm, and their spacings.
struct Bodies {
    at::Tensor attenuation = 0.02 * test::uniform({2, 1, 8, 6, 6}, 980);
    std::array<core::Double3, 2> spacing_mm{core::Double3{4, 4, 4}, core::Double3{3, 5, 2}};
    at::Tensor views = ops::project_parallel(attenuation, spacing_mm, kBoth, {});

    at::Tensor errors(const at::Tensor& of, ViewUnit unit) const {
        return projection_errors_per_item(attenuation, spacing_mm, of, kBoth, unit);
    }
};

TEST(ProjectionErrors, AreZeroForTheVolumesOwnViewsAndKnownForABox) {
    const Bodies bodies;
    EXPECT_LT(bodies.errors(bodies.views, ViewUnit::attenuation).max().item<double>(), 1e-25);
    EXPECT_LT(bodies.errors(bodies.views, ViewUnit::grey).max().item<double>(), 1e-12);
    // A box of 0.02 per mm, 4 voxels of 2 mm deep along H and 3 along W, seen as nothing.
    at::Tensor box = at::zeros({1, 1, 4, 8, 8}, at::kDouble);
    box.slice(3, 2, 6).slice(4, 1, 4).fill_(0.02);
    const std::array<core::Double3, 1> spacing{core::Double3{2, 2, 2}};
    const auto error =
        projection_errors_per_item(box, spacing, at::zeros({1, 2, 4, 8}, at::kDouble), kBoth, ViewUnit::attenuation);
    const double ap = 3.0 / 8 * 0.16 * 0.16, lateral = 4.0 / 8 * 0.12 * 0.12;
    EXPECT_NEAR(error.item<double>(), (ap + lateral) / 2, 1e-12);
}

TEST(ProjectionErrors, EachViewHasItsOwnRays) {
    const Bodies bodies;
    const auto exchanged = bodies.views.flip(1);
    EXPECT_GT(bodies.errors(exchanged, ViewUnit::attenuation).min().item<double>(), 1e-4);
    EXPECT_GT(bodies.errors(exchanged, ViewUnit::grey).min().item<double>(), 0.5);
    const std::array<ops::View, 1> lateral{ops::View::lateral};
    const auto alone = projection_errors_per_item(bodies.attenuation, bodies.spacing_mm, bodies.views.narrow(1, 1, 1),
                                                  lateral, ViewUnit::attenuation);
    EXPECT_LT(alone.max().item<double>(), 1e-25);
}

TEST(ProjectionErrors, OfPicturesWithoutUnitsAreWhatTheBestGainAndOffsetLeave) {
    const Bodies bodies;
    // Another gain and offset in every view and item explains all, an upside-down picture included.
    const auto gain = test::uniform({2, 2, 1, 1}, 981) - 0.5, offset = test::uniform({2, 2, 1, 1}, 982);
    EXPECT_LT(bodies.errors(gain * bodies.views + offset, ViewUnit::grey).max().item<double>(), 1e-12);
    // Of noisy pictures LAPACK's least squares say how much is left.
    const auto noisy = bodies.views + 0.1 * test::uniform(bodies.views.sizes().vec(), 983);
    const auto errors = bodies.errors(noisy, ViewUnit::grey);
    for (int64_t b = 0; b < 2; ++b) {
        double expected = 0;
        for (int64_t v = 0; v < 2; ++v) {
            const auto x = bodies.views[b][v].flatten(), y = noisy[b][v].flatten();
            const auto columns = at::stack({x, at::ones_like(x)}, 1);
            const auto fit = std::get<0>(at::linalg_lstsq(columns, y.unsqueeze(1)));
            expected +=
                ((columns.matmul(fit).squeeze(1) - y).square().mean() / y.var(/*unbiased=*/false)).item<double>() / 2;
        }
        EXPECT_NEAR(errors[b].item<double>(), expected, 1e-10);
        EXPECT_GT(expected, 0.01);
    }
    // One grey: nothing to explain, or nothing that explains.
    EXPECT_EQ(bodies.errors(at::zeros({2, 2, 8, 6}, at::kDouble), ViewUnit::grey).max().item<double>(), 0);
    const auto nothing = projection_errors_per_item(at::zeros({2, 1, 8, 6, 6}, at::kDouble), bodies.spacing_mm,
                                                    bodies.views, kBoth, ViewUnit::grey);
    EXPECT_EQ(nothing.min().item<double>(), 1);
}

TEST(ProjectionErrors, LargerViewsAreAveraged) {
    const Bodies bodies;
    const auto larger = bodies.views.repeat_interleave(4, 2).repeat_interleave(4, 3);
    EXPECT_LT(bodies.errors(larger, ViewUnit::attenuation).max().item<double>(), 1e-25);
}

TEST(ProjectionErrors, GradientsAreThoseOfFiniteDifferences) {
    const Bodies bodies;
    const auto target = bodies.views + 0.05 * test::uniform(bodies.views.sizes().vec(), 984);
    for (const auto unit : {ViewUnit::attenuation, ViewUnit::grey}) {
        const auto value = [&](const at::Tensor& volume) {
            return projection_errors_per_item(volume, bodies.spacing_mm, target, kBoth, unit).sum();
        };
        auto volume = bodies.attenuation.clone().requires_grad_();
        value(volume).backward();
        const auto gradient = volume.grad();
        for (const int64_t voxel : {0, 77, 300, 575}) {
            const double step = 1e-6;
            auto up = bodies.attenuation.clone(), down = bodies.attenuation.clone();
            up.view(-1)[voxel] += step;
            down.view(-1)[voxel] -= step;
            const double slope = (value(up) - value(down)).item<double>() / (2 * step);
            EXPECT_NEAR(gradient.view(-1)[voxel].item<double>(), slope, 1e-6 * std::abs(slope) + 1e-8) << voxel;
        }
    }
}

TEST(ProjectionErrors, AnEmptyBatchHasNone) {
    const auto errors = projection_errors_per_item(at::zeros({0, 1, 8, 6, 6}), {}, at::zeros({0, 2, 16, 12}), kBoth,
                                                   ViewUnit::attenuation);
    EXPECT_EQ(errors.sizes().vec(), std::vector<int64_t>{0});
    EXPECT_ANY_THROW(projection_errors_per_item(at::zeros({1, 1, 8, 6, 6}), {}, at::zeros({1, 1, 8, 6}), kBoth,
                                                ViewUnit::attenuation));
}

}  // namespace
}  // namespace vox::loss
