#pragma once
// How much memory the activations of fast_ddpm_3d take, before anything is built.

#include <c10/core/DeviceType.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <string>
#include <vector>

#include "nn/options.hpp"

namespace vox::nn {

/// Bytes of a value.
struct ActivationWidths {
    int64_t convolution = 4;  // of what convolutions take and give
    int64_t norm = 4;  // of what group and instance normalisation and the activations after them take and give
    int64_t input = 4;  // of the volume that the network is given

    /// `weights`: the dtype of parameters.  With `autocast` convolutions compute in 16 bits, and on a GPU group normalisation
    /// in float32.
    static ActivationWidths of(at::ScalarType weights, bool autocast, at::DeviceType device);
};

/// Of one forward and backward in training mode, in bytes: activations and their gradients, without the input, parameters, their
/// gradients and casts.  Of what libraries take as workspace there is a convolution's gradient in a layout of their own.
struct ActivationEstimate {
    int64_t kept = 0;  // between forward and backward, the output included
    int64_t peak = 0;  // at the worst moment of backward
};

/// For the network that `options` describe (fast_ddpm_3d without a problem, else InternalError), with its dropout, normalisation
/// and activation checkpointing, on `batch` items of `crop` [D,H,W], multiples of its size divisor.  Follows operation by
/// operation what autograd keeps and frees.
ActivationEstimate estimate_activations(const ModelOptions& options, const ModelContext& context,
                                        const std::vector<int64_t>& crop, int64_t batch,
                                        const ActivationWidths& widths);

/// The tensor with the most elements inside of fast_ddpm_3d: what it is, and how many it has for `batch` items of `crop`.
struct LargestTensor {
    std::string name;
    int64_t elements = 0;
};
LargestTensor largest_tensor(const ModelOptions& options, const std::vector<int64_t>& crop, int64_t batch);

/// Throws ConfigError where a tensor inside of fast_ddpm_3d would have 2^31 elements or more, which kernels with 32-bit indices
/// cannot address: names it, its elements, and what to do.  `crop` as above; other networks pass.
void check_tensor_sizes(const ModelOptions& options, const std::vector<int64_t>& crop, int64_t batch);

}  // namespace vox::nn
