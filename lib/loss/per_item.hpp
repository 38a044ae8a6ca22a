#pragma once
// What the losses of class-index labels have in common.

#include <ATen/core/Tensor.h>

namespace vox::loss {

/// The dtype in which a loss of these logits is computed: their own, but float32 where they are float16 or bfloat16.
at::ScalarType loss_dtype(const at::Tensor& logits);

/// Throws InternalError, naming `loss`, unless logits are floating [B,K,D,H,W] with K of 2 or more and labels are [B,D,H,W].
void check_classes(const char* loss, const at::Tensor& logits, const at::Tensor& labels);

/// labels [B,D,H,W] of any integer type -> bool [B,classes-first,D,H,W]: where the label is `first`, `first`+1, ...  A quarter
/// of the memory of a one-hot target.
at::Tensor class_masks(const at::Tensor& labels, int64_t first, int64_t classes);

/// [B,C,D,H,W] -> [B], the mean over channels and voxels.
at::Tensor mean_per_item(const at::Tensor& values);

}  // namespace vox::loss
