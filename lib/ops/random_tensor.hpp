#pragma once
// Tensors of random numbers that do not depend on rank, device, thread count or memory format: element e (row-major index
// within its item) is a pure function of the item's key, the purpose, the layer and e.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "ops/random_key.hpp"

namespace vox::ops {

/// Numbers in [0, 1), one item per key: `[B, ...]` with B = keys.size() (0 allowed), contiguous, of the floating dtype and
/// the device (cpu or cuda) that `options` name.  24 random bits a number: float32 and float64 hold the same value on every
/// device.  Element e of item b is `random_uniform(keys[b], purpose, layer, e)`.  Any thread.
/// Throws InternalError where sizes[0] is not the number of keys.
at::Tensor random_uniform_tensor(std::span<const RandomKey> keys, Purpose purpose, uint32_t layer,
                                 at::IntArrayRef sizes, const at::TensorOptions& options);

/// The same with standard normal numbers (Box & Muller 1958, two 32-bit words to two numbers, in float64 inside).  CPU and
/// GPU differ by at most one unit in the last place of float32, because their logarithms and sines do.
at::Tensor random_normal_tensor(std::span<const RandomKey> keys, Purpose purpose, uint32_t layer, at::IntArrayRef sizes,
                                const at::TensorOptions& options);

/// Overwrites `tensor` (any shape, any dense layout; no gradient is recorded) with numbers in [low, high).  For initial
/// weights: give each parameter a `layer` of its own.
void fill_uniform(const at::Tensor& tensor, const RandomKey& key, Purpose purpose, uint32_t layer, double low,
                  double high);

/// The same with normal numbers.
void fill_normal(const at::Tensor& tensor, const RandomKey& key, Purpose purpose, uint32_t layer, double mean,
                 double standard_deviation);

}  // namespace vox::ops
