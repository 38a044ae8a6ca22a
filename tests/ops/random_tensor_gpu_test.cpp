#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ops/random_tensor.hpp"

namespace vox::ops {
namespace {

TEST(RandomTensorGpu, HoldsTheNumbersOfTheCpu) {
    if (!at::globalContext().hasCUDA()) GTEST_SKIP() << "no GPU";
    std::vector<RandomKey> keys;  // more than one launch takes
    for (uint32_t i = 0; i < 70; ++i) keys.push_back({.seed = 42, .epoch = 3, .position = i, .draw = i % 2});
    const auto cpu = at::TensorOptions(at::kFloat), gpu = cpu.device(at::kCUDA);
    const at::Tensor uniform = random_uniform_tensor(keys, Purpose::noise, 2, {70, 3, 11, 7}, cpu);
    EXPECT_TRUE(random_uniform_tensor(keys, Purpose::noise, 2, {70, 3, 11, 7}, gpu).cpu().equal(uniform));
    const at::Tensor normal = random_normal_tensor(keys, Purpose::noise, 2, {70, 3, 11, 7}, cpu);
    const at::Tensor on_gpu = random_normal_tensor(keys, Purpose::noise, 2, {70, 3, 11, 7}, gpu).cpu();
    EXPECT_LE(((on_gpu - normal).abs() / normal.abs()).max().item<double>(), std::pow(2.0, -23));
}

TEST(RandomTensorGpu, FillsWeightsAsTheCpuDoes) {
    if (!at::globalContext().hasCUDA()) GTEST_SKIP() << "no GPU";
    const at::Tensor cpu = at::zeros({16, 4, 3, 3, 3});
    const at::Tensor gpu = cpu.to(at::kCUDA);
    fill_uniform(cpu, {.seed = 1}, Purpose::initial_weights, 3, -0.3, 0.7);
    fill_uniform(gpu, {.seed = 1}, Purpose::initial_weights, 3, -0.3, 0.7);
    EXPECT_TRUE(gpu.cpu().equal(cpu));
}

}  // namespace
}  // namespace vox::ops
