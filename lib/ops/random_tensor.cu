// GPU side of random_tensor: one thread computes one Philox block, that is four elements of one item.

#include <cuda_runtime.h>

#include "ops/random_kernels.hpp"

namespace vox::ops {
namespace {

struct KeyPack {
    RandomKey keys[keys_per_launch];
};

template <class Number>
__global__ void random_kernel(Number* out, KeyPack pack, int64_t item_size, RandomStream stream) {
    const int64_t block = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
    const int64_t first = block * 4;
    if (first >= item_size) return;
    double values[4];
    random_block(pack.keys[blockIdx.y], stream, static_cast<uint32_t>(block), values);
    Number* item = out + blockIdx.y * item_size;
    for (int i = 0; i < 4 && first + i < item_size; ++i) item[first + i] = static_cast<Number>(values[i]);
}

template <class Number>
void launch(Number* out, const RandomKey* keys, int64_t items, int64_t item_size, RandomStream stream,
            void* cuda_stream) {
    KeyPack pack;
    for (int64_t i = 0; i < items; ++i) pack.keys[i] = keys[i];
    constexpr int64_t threads = 256;
    const int64_t blocks = ((item_size + 3) / 4 + threads - 1) / threads;
    const dim3 grid(static_cast<unsigned>(blocks), static_cast<unsigned>(items));
    random_kernel<<<grid, static_cast<unsigned>(threads), 0, static_cast<cudaStream_t>(cuda_stream)>>>(
        out, pack, item_size, stream);
}

}  // namespace

void launch_random(float* out, const RandomKey* keys, int64_t items, int64_t item_size, RandomStream stream,
                   void* cuda_stream) {
    launch(out, keys, items, item_size, stream, cuda_stream);
}

void launch_random(double* out, const RandomKey* keys, int64_t items, int64_t item_size, RandomStream stream,
                   void* cuda_stream) {
    launch(out, keys, items, item_size, stream, cuda_stream);
}

}  // namespace vox::ops
