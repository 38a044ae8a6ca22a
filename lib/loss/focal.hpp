#pragma once
// Focal loss (Lin et al., "Focal loss for dense object detection", ICCV 2017), equal to MONAI's FocalLoss.

#include <ATen/core/Tensor.h>

namespace vox::loss {

/// Each class against the rest:  mean over classes and voxels of  -(1 - q)^gamma log q,  where q is the probability given to
/// the truth: sigmoid(logit) where the label is the class, else 1 - sigmoid(logit).  A sigmoid, no softmax, although classes
/// exclude each other: so computes the focal part of MONAI's DiceFocalLoss(softmax=True).  Class 0 is left out unless
/// `include_background`.  logits [B,K,D,H,W] floating, K of 2 or more; labels [B,D,H,W] of any integer type, same device -> [B]
/// in the dtype of the logits, but float32 where they are float16 or bfloat16.  Differentiable in the logits.  B may be 0.
/// Any rank, no communication.  Throws InternalError where the shapes do not fit.
at::Tensor focal_loss_per_item(const at::Tensor& logits, const at::Tensor& labels, bool include_background,
                               double gamma);

}  // namespace vox::loss
