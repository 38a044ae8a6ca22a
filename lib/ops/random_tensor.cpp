#include "ops/random_tensor.hpp"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"
#include "ops/random_kernels.hpp"

namespace vox::ops {
namespace {

// Blocks of four numbers are cheap: below this many a thread costs more than it brings.
constexpr int64_t blocks_per_task = 4096;

template <class Number>
void fill_on_cpu(Number* out, std::span<const RandomKey> keys, int64_t item_size, RandomStream stream) {
    const int64_t blocks = (item_size + 3) / 4;
    at::parallel_for(0, static_cast<int64_t>(keys.size()) * blocks, blocks_per_task, [&](int64_t begin, int64_t end) {
        double values[4];
        for (int64_t i = begin; i < end; ++i) {
            const int64_t item = i / blocks;
            const int64_t block = i % blocks;
            random_block(keys[item], stream, static_cast<uint32_t>(block), values);
            Number* first = out + item * item_size + block * 4;
            const int64_t count = std::min<int64_t>(4, item_size - block * 4);
            for (int64_t j = 0; j < count; ++j) first[j] = static_cast<Number>(values[j]);
        }
    });
}

template <class Number>
void fill_on_gpu(Number* out, std::span<const RandomKey> keys, int64_t item_size, RandomStream stream,
                 at::Device device) {
    const c10::cuda::CUDAGuard guard(device);
    void* const cuda_stream = c10::cuda::getCurrentCUDAStream().stream();
    const int64_t items = static_cast<int64_t>(keys.size());
    for (int64_t begin = 0; begin < items; begin += keys_per_launch) {
        const int64_t count = std::min(keys_per_launch, items - begin);
        launch_random(out + begin * item_size, keys.data() + begin, count, item_size, stream, cuda_stream);
        C10_CUDA_CHECK(cudaGetLastError());
    }
}

template <class Number>
void fill(const at::Tensor& out, std::span<const RandomKey> keys, RandomStream stream) {
    const int64_t item_size = out.numel() / static_cast<int64_t>(keys.size());
    core::check(item_size <= (int64_t{1} << 32),
                core::concat("a random item has ", item_size, " elements, more than 2^32"));
    if (out.is_cuda()) {
        fill_on_gpu(out.mutable_data_ptr<Number>(), keys, item_size, stream, out.device());
    } else {
        fill_on_cpu(out.mutable_data_ptr<Number>(), keys, item_size, stream);
    }
}

at::Tensor random_tensor(std::span<const RandomKey> keys, RandomStream stream, at::IntArrayRef sizes,
                         const at::TensorOptions& options) {
    core::check(!sizes.empty() && sizes[0] == static_cast<int64_t>(keys.size()),
                core::concat("a random tensor of sizes ", sizes, " was asked for with ", keys.size(), " keys"));
    const at::ScalarType type = c10::typeMetaToScalarType(options.dtype());
    const bool wide = type == at::kDouble;
    const at::Tensor out =
        at::empty(sizes, at::TensorOptions(wide ? at::kDouble : at::kFloat).device(options.device()));
    if (out.numel() > 0) {
        if (wide) {
            fill<double>(out, keys, stream);
        } else {
            fill<float>(out, keys, stream);
        }
    }
    return out.to(type);
}

void overwrite(const at::Tensor& tensor, const RandomKey& key, RandomStream stream, double scale, double shift) {
    const c10::AutoGradMode no_gradient(false);
    std::vector<int64_t> sizes = {1};
    sizes.insert(sizes.end(), tensor.sizes().begin(), tensor.sizes().end());
    const at::Tensor numbers = random_tensor({&key, 1}, stream, sizes, tensor.options());
    tensor.copy_(numbers.squeeze(0).mul_(scale).add_(shift));
}

}  // namespace

at::Tensor random_uniform_tensor(std::span<const RandomKey> keys, Purpose purpose, uint32_t layer,
                                 at::IntArrayRef sizes, const at::TensorOptions& options) {
    return random_tensor(keys, {purpose, layer, Distribution::uniform}, sizes, options);
}

at::Tensor random_normal_tensor(std::span<const RandomKey> keys, Purpose purpose, uint32_t layer, at::IntArrayRef sizes,
                                const at::TensorOptions& options) {
    return random_tensor(keys, {purpose, layer, Distribution::normal}, sizes, options);
}

void fill_uniform(const at::Tensor& tensor, const RandomKey& key, Purpose purpose, uint32_t layer, double low,
                  double high) {
    overwrite(tensor, key, {purpose, layer, Distribution::uniform}, high - low, low);
}

void fill_normal(const at::Tensor& tensor, const RandomKey& key, Purpose purpose, uint32_t layer, double mean,
                 double standard_deviation) {
    overwrite(tensor, key, {purpose, layer, Distribution::normal}, standard_deviation, mean);
}

}  // namespace vox::ops
