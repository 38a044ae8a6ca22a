#pragma once
// How much memory the activations of a stage of xray_to_ct take, before anything is built.

#include <cstddef>
#include <cstdint>

#include "nn/activation_bytes.hpp"
#include "nn/xray_to_ct_options.hpp"

namespace vox::nn {

/// For the network of options.stages[stage] in training mode (options without a problem), with its dropout and activation
/// checkpointing, on `batch` items a rank: as estimate_activations of nn/activation_bytes.hpp, operation by operation what autograd
/// keeps and frees.  Stages before it, which are not run in training, are not in it.
ActivationEstimate estimate_xray_to_ct(const XrayToCtOptions& options, size_t stage, int64_t batch,
                                       const ActivationWidths& widths);

}  // namespace vox::nn
