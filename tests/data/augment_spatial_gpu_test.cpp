#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include "data/augment_spatial.hpp"
#include "ops/random_tensor.hpp"

namespace vox::data {
namespace {

TEST(AugmentSpatialGpu, MovesCropsAsTheCpuDoes) {
    if (!at::globalContext().hasCUDA()) GTEST_SKIP() << "no GPU";
    SpatialOptions options;
    options.affine_probability = options.rotate_probability = options.zoom_probability = 0.5;
    options.elastic_probability = options.rotate90_probability = 0.5;
    options.affine.translate = {3, 3, 3};
    options.margin = {3, 2, 1};
    const core::Index3 crop{17, 20, 20};
    Batch cpu, gpu;
    for (uint32_t position = 0; position < 8; ++position) cpu.keys.push_back({5, 1, position, 0});
    cpu.image = ops::random_uniform_tensor(cpu.keys, ops::Purpose::test_values, 0, {8, 2, 23, 24, 22}, at::kDouble);
    cpu.label = cpu.image.select(1, 0).mul(4).floor().to(at::kByte);
    gpu = cpu;
    gpu.image = cpu.image.to(at::kCUDA);
    gpu.label = cpu.label.to(at::kCUDA);
    const std::vector<core::Box> inside(8, core::Box{{2, 0, 1}, {21, 24, 20}});
    augment_spatial(cpu, options, crop, inside);
    augment_spatial(gpu, options, crop, inside);
    EXPECT_TRUE(gpu.image.is_cuda() && gpu.label.is_cuda());
    EXPECT_LE((gpu.image.cpu() - cpu.image).abs().max().item<double>(), 1e-11);
    EXPECT_TRUE(at::equal(gpu.label.cpu(), cpu.label));
}

}  // namespace
}  // namespace vox::data
