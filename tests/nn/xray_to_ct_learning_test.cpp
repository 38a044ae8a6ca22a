// Each stage of the recipe, with its own patch and widths but on 2^3 tokens, learns to return the noise that it is given: what
// any network of a diffusion needs, and no linear map of a token can do whose channels are fewer than the voxels of its patch.

#include <ATen/ops/cat.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/upsample_trilinear3d.h>
#include <gtest/gtest.h>
#include <torch/optim/adam.h>

#include <array>
#include <cstdio>
#include <string>

#include "nn/test_items.hpp"
#include "nn/xray_to_ct_items.hpp"
#include "ops/random_scope.hpp"

namespace vox::nn {
namespace {

constexpr uint32_t kItems = 2;
constexpr double kLearned = 0.1;  // of a variance of 1
constexpr uint32_t kMostSteps = 150;

class XrayToCtNoise : public testing::TestWithParam<size_t> {};

TEST_P(XrayToCtNoise, ReturnsFreshNoise) {
    const size_t stage = GetParam();
    XrayToCtOptions options;
    options.xray.img_size = 64;
    for (auto& one : options.stages) one.volume_size.assign(3, 2 * one.patch_size);
    XrayToCt network(options, stage, /*seed=*/1);
    torch::optim::Adam adam(network.parameters(), torch::optim::AdamOptions(1e-3));
    XrayToCtInputs inputs(options, stage, kItems);
    double error = 1;
    uint32_t step = 0;
    for (; step < kMostSteps && error >= kLearned; ++step) {
        std::array<ops::RandomKey, kItems> keys{};
        for (uint32_t i = 0; i < kItems; ++i) keys[i] = {.seed = 7, .position = step * kItems + i};
        inputs.noisy = ops::random_normal_tensor(keys, ops::Purpose::test_values, 0, inputs.noisy.sizes(), at::kFloat);
        const auto time = ops::random_uniform_tensor(keys, ops::Purpose::test_values, 1, {kItems}, at::kFloat);
        inputs.t = (1000 * time).to(at::kLong);
        const ops::RandomScope scope(keys);
        const auto loss =
            (inputs.run(network) - inputs.noisy).square().mean();  // of noise that no step has seen before
        adam.zero_grad();
        loss.backward();
        adam.step();
        error = loss.item<double>();
        if (step % 10 == 0) std::printf("stage%zu step %u: %.4f\n", stage + 1, step, error);
    }
    std::printf("stage%zu: mean square error %.4f after %u steps\n", stage + 1, error, step);
    EXPECT_LT(error, kLearned);
}

INSTANTIATE_TEST_SUITE_P(Stages, XrayToCtNoise, testing::Values(0, 1, 2),
                         [](const auto& info) { return "stage" + std::to_string(info.param + 1); });

// Without any noise in: parallel projections alone tell which volume it is.
TEST(XrayToCtLearning, TellsVolumesFromTheirXrays) {
    auto options = small_cascade();
    XrayToCt network(options, 0, /*seed=*/1);
    torch::optim::Adam adam(network.parameters(), torch::optim::AdamOptions(1e-3));
    XrayToCtInputs inputs(options, 0, 4);
    inputs.noisy.zero_();
    inputs.t.zero_();
    const auto coarse = (2 * test::uniform({4, 1, 2, 4, 2}, 200) - 1).to(at::kFloat);
    const auto volumes = at::upsample_trilinear3d(coarse, {8, 16, 8}, /*align_corners=*/false);
    const auto view = [&](int64_t axis) {  // head first, and the patient's right or front
        return at::upsample_bilinear2d(2 * volumes.mean(axis).flip({2, 3}), {64, 64}, /*align_corners=*/false);
    };
    inputs.xrays = at::cat({view(3), view(4)}, 1);
    const double variance = (volumes - volumes.mean(0, /*keepdim=*/true)).square().mean().item<double>();
    double error = 0;
    for (uint32_t step = 0; step < 200; ++step) {
        const auto loss = (inputs.run(network) - volumes).square().mean();
        adam.zero_grad();
        loss.backward();
        adam.step();
        error = loss.item<double>();
        if (step % 20 == 0) std::printf("step %u: %.4f\n", step, error / variance);
        if (error < 0.05 * variance) break;
    }
    // A network that cannot tell them apart leaves the variance between them.
    EXPECT_LT(error, 0.05 * variance);
}

}  // namespace
}  // namespace vox::nn
