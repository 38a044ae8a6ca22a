// GPU side of channel_ops.

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <type_traits>

#include "nn/channel_kernels.hpp"

namespace vox::nn {
namespace {

constexpr int lanes = 32;
constexpr int rows = 8;

// Adds the terms of element `i` of one channel.
template <class Number>
__device__ void add_terms(const Number* a, const Number* x, int64_t i, double reference, double sums[2]) {
    const double centred = static_cast<double>(x[i]) - reference;
    const double factor = a ? static_cast<double>(a[i]) : centred;
    sums[0] += factor;
    sums[1] += factor * centred;
}

// Layout contiguous: the block (channel, part) strides over the channel's elements.
template <class Number>
__global__ void sums_contiguous(const Number* a, const Number* x, const double* reference, double* out,
                                ChannelShape shape) {
    __shared__ double shared[2][lanes * rows];
    const int64_t channel = blockIdx.x;
    const int thread = threadIdx.y * lanes + threadIdx.x;
    const int64_t count = shape.outer * shape.inner;
    double sums[2] = {0, 0};
    for (int64_t i = static_cast<int64_t>(blockIdx.y) * lanes * rows + thread; i < count;
         i += int64_t{sum_parts} * lanes * rows) {
        const int64_t element = (i / shape.inner * shape.channels + channel) * shape.inner + i % shape.inner;
        add_terms(a, x, element, reference[channel], sums);
    }
    shared[0][thread] = sums[0];
    shared[1][thread] = sums[1];
    for (int half = lanes * rows / 2; half > 0; half /= 2) {
        __syncthreads();
        if (thread < half) {
            shared[0][thread] += shared[0][thread + half];
            shared[1][thread] += shared[1][thread + half];
        }
    }
    __syncthreads();
    if (thread < 2) out[(int64_t{blockIdx.y} * 2 + thread) * shape.channels + channel] = shared[thread][0];
}

// Layout channels last: neighbouring threads hold neighbouring channels, so that reads coalesce.
template <class Number>
__global__ void sums_channels_last(const Number* a, const Number* x, const double* reference, double* out,
                                   ChannelShape shape) {
    __shared__ double shared[2][rows][lanes];
    const int64_t channel = int64_t{blockIdx.x} * lanes + threadIdx.x;
    double sums[2] = {0, 0};
    if (channel < shape.channels) {
        for (int64_t i = int64_t{blockIdx.y} * rows + threadIdx.y; i < shape.outer; i += int64_t{sum_parts} * rows) {
            add_terms(a, x, i * shape.channels + channel, reference[channel], sums);
        }
    }
    shared[0][threadIdx.y][threadIdx.x] = sums[0];
    shared[1][threadIdx.y][threadIdx.x] = sums[1];
    __syncthreads();
    if (threadIdx.y < 2 && channel < shape.channels) {
        double total = 0;
        for (int row = 0; row < rows; ++row) total += shared[threadIdx.y][row][threadIdx.x];
        out[(int64_t{blockIdx.y} * 2 + threadIdx.y) * shape.channels + channel] = total;
    }
}

template <class Number>
__global__ void affine_kernel(const Number* a, const Number* x, const double* coefficients, Number* out,
                              ChannelShape shape) {
    using Compute = std::conditional_t<std::is_same_v<Number, double>, double, float>;
    const int64_t count = shape.outer * shape.channels * shape.inner;
    const int64_t stride = int64_t{gridDim.x} * blockDim.x;
    for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += stride) {
        const double* c = coefficients + i / shape.inner % shape.channels;
        Compute value = (static_cast<Compute>(x[i]) - static_cast<Compute>(c[shape.channels])) *
                            static_cast<Compute>(c[2 * shape.channels]) +
                        static_cast<Compute>(c[3 * shape.channels]);
        if (a) value += static_cast<Compute>(a[i]) * static_cast<Compute>(c[0]);
        out[i] = static_cast<Number>(value);
    }
}

}  // namespace

template <class Number>
void launch_channel_sums(const Number* a, const Number* x, const double* reference, double* sums, ChannelShape shape,
                         void* cuda_stream) {
    const auto stream = static_cast<cudaStream_t>(cuda_stream);
    const dim3 threads(lanes, rows);
    if (shape.inner == 1) {
        const dim3 grid(static_cast<unsigned>((shape.channels + lanes - 1) / lanes), sum_parts);
        sums_channels_last<<<grid, threads, 0, stream>>>(a, x, reference, sums, shape);
    } else {
        const dim3 grid(static_cast<unsigned>(shape.channels), sum_parts);
        sums_contiguous<<<grid, threads, 0, stream>>>(a, x, reference, sums, shape);
    }
}

template <class Number>
void launch_channel_affine(const Number* a, const Number* x, const double* coefficients, Number* out,
                           ChannelShape shape, void* cuda_stream) {
    constexpr int threads = 256;
    const int64_t count = shape.outer * shape.channels * shape.inner;
    const auto blocks = static_cast<unsigned>(std::min<int64_t>((count + threads - 1) / threads, 1 << 16));
    affine_kernel<<<blocks, threads, 0, static_cast<cudaStream_t>(cuda_stream)>>>(a, x, coefficients, out, shape);
}

#define VOX_INSTANTIATE(Number)                                                                                   \
    template void launch_channel_sums(const Number*, const Number*, const double*, double*, ChannelShape, void*); \
    template void launch_channel_affine(const Number*, const Number*, const double*, Number*, ChannelShape, void*);
VOX_INSTANTIATE(float)
VOX_INSTANTIATE(double)
VOX_INSTANTIATE(c10::BFloat16)
VOX_INSTANTIATE(c10::Half)
#undef VOX_INSTANTIATE

}  // namespace vox::nn
