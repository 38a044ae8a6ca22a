#pragma once
// Cross-entropy of voxels, equal to torch.nn.CrossEntropyLoss.

#include <ATen/core/Tensor.h>

namespace vox::loss {

/// Mean over voxels of  -log softmax(logits)  at the label.  All K classes, the background too.
/// logits [B,K,D,H,W] floating, K of 2 or more; labels [B,D,H,W] of any integer type, below K, same device -> [B] in the dtype
/// of the logits, but float32 where they are float16 or bfloat16.  Differentiable in the logits.  B may be 0.  Any rank, no
/// communication.  Throws InternalError where the shapes do not fit, c10::Error (CPU) for a label that is not a class.
at::Tensor cross_entropy_per_item(const at::Tensor& logits, const at::Tensor& labels);

}  // namespace vox::loss
