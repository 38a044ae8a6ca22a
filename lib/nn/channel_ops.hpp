#pragma once
// The two passes over a volume that batch normalisation is made of, each on CPU and GPU: sums per channel in float64, and an
// affine map per channel.  Inside of sync_batch_norm.

#include <ATen/core/Tensor.h>

namespace vox::nn {

/// `x` `[B,C,...]` without gaps, in one of the two layouts that the passes walk: contiguous, or channels last.  Copies where
/// it is neither.
at::Tensor dense_channels(const at::Tensor& x);

/// Per channel and over this rank's elements, in float64, `[2,C]`:
///     sum of a,  sum of a * (x - reference)        where `a` (as x in shape, dtype and layout) is defined,
///     sum of x - reference,  sum of its square     where `a` is undefined.
/// `x` is dense_channels, float32, float64, bfloat16 or float16; `reference` is `[C]` float64 on x's device.
at::Tensor channel_sums(const at::Tensor& a, const at::Tensor& x, const at::Tensor& reference);

/// a * slope_a[c] + (x - center[c]) * slope_x[c] + shift[c], of x's dtype and layout; computed in float32, or float64 where x
/// is.  Where `a` is undefined its term is absent.  The coefficients are rows of `coefficients` `[4,C]` float64 on x's
/// device: slope_a, center, slope_x, shift.
at::Tensor channel_affine(const at::Tensor& a, const at::Tensor& x, const at::Tensor& coefficients);

}  // namespace vox::nn
