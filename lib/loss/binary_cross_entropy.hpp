#pragma once
// Cross-entropy of a mask, equal to torch.nn.BCEWithLogitsLoss.

#include <ATen/core/Tensor.h>

namespace vox::loss {

/// Mean over channels and voxels of  -t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)).
/// logits [B,K,D,H,W] floating; target of the same shape, bool or any number type, same device -> [B] in the dtype of the
/// logits, but float32 where they are float16 or bfloat16.  Differentiable in the logits.  B may be 0.  Any rank, no
/// communication.  Throws InternalError where the shapes differ.
at::Tensor binary_cross_entropy_per_item(const at::Tensor& logits, const at::Tensor& target);

}  // namespace vox::loss
