// Each stage of the recipe, with its own patch and widths but on 2^3 tokens, learns to return the noise that it is given: what
// any network of a diffusion needs, and no linear map of a token can do whose channels are fewer than the voxels of its patch.

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

class XrayToCtLearning : public testing::TestWithParam<size_t> {};

TEST_P(XrayToCtLearning, ReturnsFreshNoise) {
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

INSTANTIATE_TEST_SUITE_P(Stages, XrayToCtLearning, testing::Values(0, 1, 2),
                         [](const auto& info) { return "stage" + std::to_string(info.param + 1); });

}  // namespace
}  // namespace vox::nn
