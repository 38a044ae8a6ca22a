#pragma once
// What the training of a diffusion draws for each item, and what it makes small.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "ops/random_key.hpp"

namespace vox::loss {

/// A timestep of `list` for each key, each as likely as another: int64 [B] on the CPU.  A pure function of the key (purpose timestep).
/// `antithetic`: an item at an odd position of the order gets, of a list of n, number n - 1 - i where its neighbour before has number i
/// (Song et al. 2021 draw so within a batch; here neighbours are those of the order, whichever ranks they are on).
at::Tensor draw_timesteps(std::span<const ops::RandomKey> keys, std::span<const int64_t> list, bool antithetic);

/// Standard normal noise [B, ...] of the dtype and device of `like`, an item a key (purpose noise).
at::Tensor draw_noise(std::span<const ops::RandomKey> keys, const at::Tensor& like);

/// Which items see no condition: bool a key (purpose condition_dropout).
std::vector<bool> draw_condition_dropout(std::span<const ops::RandomKey> keys, double probability);

/// The mean over channels and voxels of (prediction - target)^2, item by item: [B, ...] twice -> [B], in float32 or wider.
at::Tensor squared_error_per_item(const at::Tensor& prediction, const at::Tensor& target);

}  // namespace vox::loss
