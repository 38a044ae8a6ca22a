#pragma once
// Dice loss (Milletari et al., "V-Net", 2016), equal to MONAI's DiceLoss.

#include <ATen/core/Tensor.h>

#include "loss/options.hpp"

namespace vox::loss {

/// Per item and channel:  1 - (2 sum(p t) + smooth_nr) / (sum(p^2) + sum(t^2) + smooth_dr),  p = sigmoid(logits), sums over
/// the voxels; without `squared_pred` p and t are not squared.  MONAI's loss of a batch is the mean over items and channels.
/// logits [B,K,D,H,W] floating, target of the same shape, bool or any number type, same device -> [B,K] in the dtype of the
/// logits, but float32 where they are float16 or bfloat16.  Differentiable in the logits.  B may be 0.  Any rank, no
/// communication.  Throws InternalError where the shapes differ.
at::Tensor dice_loss_per_item(const at::Tensor& logits, const at::Tensor& target, const DiceLossOptions& options = {});

/// The same of exclusive classes: p = softmax of the logits over the K classes, t is 1 where the label is the class, and the
/// mean over classes is taken, without class 0 unless `include_background`: MONAI's DiceLoss(softmax=True, to_onehot_y=True).
/// logits [B,K,D,H,W] floating, K of 2 or more; labels [B,D,H,W] of any integer type, below K -> [B], dtype as above.
at::Tensor softmax_dice_loss_per_item(const at::Tensor& logits, const at::Tensor& labels, bool include_background,
                                      const DiceLossOptions& options);

}  // namespace vox::loss
