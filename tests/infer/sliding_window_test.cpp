// Sliding windows against MONAI's (tools/golden/sliding_window.py).

#include "infer/sliding_window.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "support/golden.hpp"
#include "support/read_options.hpp"

namespace vox::infer {
namespace {

using testing::ElementsAre;

// A voxel's value says where in which window it lay.
at::Tensor place(const at::Tensor& x) {
    const auto line = [&](int64_t axis) { return at::arange(x.size(axis), x.options()); };
    const auto ramp = (line(2).view({-1, 1, 1}) + 2 * line(3).view({-1, 1}) + 3 * line(4)) / 10;
    return at::stack({x.select(1, 0) * ramp, x.select(1, 0) + ramp}, 1);
}

at::Tensor convolve(const at::Tensor& x) {
    const auto weight = (2 * test::uniform({2, x.size(1), 3, 3, 3}, 921) - 1).to(x.scalar_type());
    return at::conv3d(x, weight, {}, {1, 1, 1}, {1, 1, 1});
}

TEST(SlidingWindow, EqualsMonai) {
    const auto golden = test::golden_json("sliding_window");
    for (const auto dtype : {at::kDouble, at::kFloat}) {
        test::GoldenArrays arrays("sliding_window");
        for (const auto& c : golden.at("cases")) {
            const SlidingWindowOptions options{.window = c.at("window").get<std::vector<int64_t>>(),
                                               .overlap = c.at("overlap"),
                                               .blend = c.at("blend"),
                                               .windows_per_batch = c.at("batch")};
            const auto shape = c.at("volume").get<std::vector<int64_t>>();
            const auto volume = (2 * test::uniform(shape, 920) - 1).to(dtype);
            int64_t largest = 0;
            const auto network = [&](const at::Tensor& x) {
                largest = std::max(largest, x.size(0));
                return c.at("network") == "place" ? place(x) : convolve(x);
            };
            const auto joined = sliding_window(volume, network, options);
            EXPECT_EQ(joined.scalar_type(), dtype);
            EXPECT_LE(test::relative_difference(joined, arrays.next({2, shape[1], shape[2], shape[3]})), 1e-6) << c;
            EXPECT_LE(largest, options.windows_per_batch);
        }
        EXPECT_TRUE(arrays.at_end());
    }
}

TEST(SlidingWindow, TheLastWindowEndsWithTheVolume) {
    const SlidingWindowOptions options{.window = {4, 4, 4}, .overlap = 0.5};
    std::vector<int64_t> d;
    for (const auto& start : window_starts({9, 4, 4}, options)) d.push_back(start[0]);
    EXPECT_THAT(d, ElementsAre(0, 2, 4, 5));
}

TEST(SlidingWindow, WeightsNeverVanish) {
    const SlidingWindowOptions options{.window = {32, 32, 32}};
    const auto weights = window_weights(options);
    EXPECT_EQ(weights.min().item<double>(), 1e-3);
    EXPECT_GT(weights[16][16][16].item<double>(), 0.9);
}

// An identity network gives the volume back, whatever the windows; float16 outputs are joined in float32.
TEST(SlidingWindow, JoinsHalfPrecisionInFloat) {
    const auto volume = (test::uniform({1, 10, 7, 9}, 930) * 256).floor().to(at::kFloat);
    const auto joined = sliding_window(volume, [](const at::Tensor& x) { return x.to(at::kHalf); },
                                       {.window = {4, 4, 4}, .overlap = 0.6});
    EXPECT_EQ(joined.scalar_type(), at::kFloat);
    EXPECT_TRUE(joined.allclose(volume, 1e-5, 1e-4));
}

TEST(SlidingWindow, ANetworkThatChangesTheSizeIsNamed) {
    const auto halve = [](const at::Tensor& x) { return x.narrow(2, 0, 2); };
    EXPECT_THROW(sliding_window(at::zeros({1, 8, 8, 8}), halve, {.window = {4, 4, 4}}), core::InternalError);
}

TEST(SlidingWindow, OptionsAreReadAndRefused) {
    const auto read = test::read_options<SlidingWindowOptions>;
    const auto o =
        read("{window: [8, 16, 24], overlap: 0.25, blend: constant, sigma_scale: 0.5, windows_per_batch: 3}");
    EXPECT_THAT(o.window, ElementsAre(8, 16, 24));
    EXPECT_EQ(o.overlap, 0.25);
    EXPECT_EQ(o.blend, "constant");
    EXPECT_EQ(o.sigma_scale, 0.5);
    EXPECT_EQ(o.windows_per_batch, 3);
    for (const auto* wrong : {"{window: [8, 8]}", "{window: [8, 8, 0]}", "{overlap: 1.0}", "{blend: gauss}",
                              "{sigma_scale: 0}", "{windows_per_batch: 0}"}) {
        EXPECT_THROW(read(wrong), core::ConfigError) << wrong;
    }
    // sigma_scale reaches the weights.
    EXPECT_LT(window_weights({.window = {9, 9, 9}, .sigma_scale = 0.125})[0][4][4].item<double>(),
              window_weights({.window = {9, 9, 9}, .sigma_scale = 0.5})[0][4][4].item<double>());
}

}  // namespace
}  // namespace vox::infer
