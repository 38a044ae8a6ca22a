#pragma once
// A network on a volume that is larger than fits it: overlapping windows, whose outputs are averaged by weight.  Places,
// weights and padding equal MONAI's sliding_window_inference.

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <array>
#include <functional>
#include <vector>

#include "infer/options.hpp"

namespace vox::infer {

/// [n,C,d,h,w] on the network's device -> [n,K,d,h,w].
using Network = std::function<at::Tensor(const at::Tensor&)>;

/// Where windows and the joined result lie.  Memory on `network` is bounded by one batch of windows; `result` holds
/// (K + 1) values per voxel.
struct SlidingWindowDevices {
    at::Device network = at::kCPU;
    at::Device result = at::kCPU;
};

/// volume [C,D,H,W] floating, on any device -> [K,D,H,W] on `devices.result`: float64 where the volume is, else float32.
/// A volume smaller than the window is padded with 0 on both sides and the result cropped.  Records no gradient.  Any rank,
/// no communication; the network must not communicate either.  Throws InternalError where the network changes the size.
at::Tensor sliding_window(const at::Tensor& volume, const Network& network, const SlidingWindowOptions& options,
                          const SlidingWindowDevices& devices = {});

/// The first voxel (D,H,W) of every window of a volume of this size (not smaller than the window), first axis slowest.
std::vector<std::array<int64_t, 3>> window_starts(const std::array<int64_t, 3>& size,
                                                  const SlidingWindowOptions& options);

/// The weight of each voxel of a window, [d,h,w] on the host: 1, or a Gaussian around its centre that is nowhere below
/// 0.001.  Double precision.
at::Tensor window_weights(const SlidingWindowOptions& options);

}  // namespace vox::infer
