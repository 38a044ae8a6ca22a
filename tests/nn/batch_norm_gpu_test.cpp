// The GPU kernels of batch normalisation against its CPU code, which other tests hold to ATen.
#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include "nn/sync_batch_norm.hpp"
#include "ops/random_tensor.hpp"

namespace vox::nn {
namespace {

constexpr int64_t channels = 37;  // neither a multiple of 32 nor of 8

at::Tensor values(at::IntArrayRef sizes, uint32_t layer, double mean) {
    const at::Tensor x = at::empty(sizes, at::kDouble);
    ops::fill_normal(x, {.seed = 5}, ops::Purpose::test_values, layer, mean, 1.5);
    return x;
}

struct Result {
    std::vector<at::Tensor> tensors;  // output, gradients of x, weight, bias, running statistics
};

Result run(at::Device device, at::ScalarType type, at::MemoryFormat format, at::IntArrayRef sizes) {
    SyncBatchNorm norm(channels, nullptr);
    norm.to(device);
    if (type == at::kDouble) norm.to(type);
    const at::Tensor x = values(sizes, 0, 3).to(type).to(device).contiguous(format).requires_grad_();
    const at::Tensor y = norm.forward(x);
    (y * values(sizes, 1, 0.2).to(type).to(device)).sum().backward();
    Result result{{y.detach(), x.grad()}};
    for (const auto& parameter : norm.parameters()) result.tensors.push_back(parameter.grad());
    for (const auto& buffer : norm.buffers()) result.tensors.push_back(buffer);
    for (auto& tensor : result.tensors) tensor = tensor.cpu().to(at::kDouble);
    return result;
}

void compare(at::ScalarType type, double tolerance) {
    using Sizes = std::vector<int64_t>;
    for (const auto& [format, sizes] : {std::pair{at::MemoryFormat::Contiguous, Sizes{3, channels, 9, 10, 11}},
                                        std::pair{at::MemoryFormat::ChannelsLast3d, Sizes{3, channels, 9, 10, 11}},
                                        std::pair{at::MemoryFormat::Contiguous, Sizes{50, channels}},
                                        std::pair{at::MemoryFormat::Contiguous, Sizes{0, channels, 4, 4, 4}}}) {
        const Result cpu = run(at::kCPU, type, format, sizes), gpu = run(at::Device(at::kCUDA, 0), type, format, sizes);
        for (size_t i = 0; i < cpu.tensors.size(); ++i) {
            const double error =
                ((gpu.tensors[i] - cpu.tensors[i]).norm() / cpu.tensors[i].norm().clamp_min(1e-300)).item<double>();
            EXPECT_LE(error, tolerance) << "tensor " << i << " of sizes " << at::IntArrayRef(sizes);
        }
    }
}

TEST(BatchNormGpu, EqualsTheCpu) {
    if (!at::globalContext().hasCUDA()) GTEST_SKIP() << "no GPU";
    compare(at::kDouble, 1e-12);
    compare(at::kFloat, 1e-6);
    compare(at::kBFloat16, 4e-3);
    compare(at::kHalf, 5e-4);
}

}  // namespace
}  // namespace vox::nn
