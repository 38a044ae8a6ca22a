#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/stack.h>
#include <gtest/gtest.h>

#include <vector>

#include "data/augment_intensity.hpp"
#include "data/intensity_fixtures.hpp"
#include "support/golden.hpp"

namespace vox::data {
namespace {

at::Tensor augmented(const std::vector<uint32_t>& positions, at::Device device) {
    Batch batch;
    std::vector<at::Tensor> images;
    for (const uint32_t position : positions) {
        images.push_back(test::uniform({3, 17, 32, 40}, 1200 + position).mul(3).sub(1));
        batch.keys.push_back({9, 2, position, 0});
    }
    batch.image = at::stack(images).to(device, at::kFloat);
    augment_intensity_before(batch, test::all_intensities());
    augment_intensity_after(batch, test::all_intensities(), {0, {}, 0.1, 0.1});
    return batch.image.cpu();
}

TEST(AugmentIntensityGpu, GivesWhatTheCpuGives) {
    if (!at::globalContext().hasCUDA()) GTEST_SKIP() << "no GPU";
    const at::Tensor host = augmented({0, 1, 2}, at::kCPU), device = augmented({0, 1, 2}, at::kCUDA);
    // Sharpening multiplies roundings by up to 30.
    EXPECT_LE(host.sub(device).abs().max().item<double>(), 1e-4 * host.abs().max().item<double>());
    EXPECT_GT(host.std().item<double>(), 0.1);
}

TEST(AugmentIntensityGpu, AnItemIsTheSameInAnyBatch) {
    if (!at::globalContext().hasCUDA()) GTEST_SKIP() << "no GPU";
    const at::Tensor joined = augmented({0, 1, 2}, at::kCUDA);
    for (const uint32_t position : {0U, 1U, 2U}) {
        EXPECT_TRUE(at::equal(augmented({position}, at::kCUDA)[0], joined[position])) << position;
    }
}

}  // namespace
}  // namespace vox::data
