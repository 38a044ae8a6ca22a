#pragma once
// Inside of channel_ops: the shape that both passes walk, and the GPU side.

#include <cstdint>

namespace vox::nn {

/// A dense `[B,C,...]` as [outer, channels, inner]: contiguous is (B, C, spatial), channels last is (B * spatial, C, 1).
struct ChannelShape {
    int64_t outer;
    int64_t channels;
    int64_t inner;
};

/// Blocks that share the sum of one channel on the GPU; each leaves its own row, so that the order of addition is fixed.
constexpr int sum_parts = 64;

/// GPU, on `cuda_stream` of the current device: `sums` `[sum_parts, 2, C]`, all of it written.  `a` may be null.
/// The caller checks cudaGetLastError, here and below.
template <class Number>
void launch_channel_sums(const Number* a, const Number* x, const double* reference, double* sums, ChannelShape shape,
                         void* cuda_stream);

/// GPU: as channel_affine, with `coefficients` `[4,C]`.  `a` may be null.
template <class Number>
void launch_channel_affine(const Number* a, const Number* x, const double* coefficients, Number* out,
                           ChannelShape shape, void* cuda_stream);

}  // namespace vox::nn
