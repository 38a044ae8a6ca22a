#pragma once
// Dice loss (Milletari et al., "V-Net", 2016) on sigmoid outputs, equal to MONAI's DiceLoss(sigmoid=True).

#include <ATen/core/Tensor.h>

#include "loss/options.hpp"

namespace vox::loss {

/// Per item and channel:  1 - (2 sum(p t) + smooth_nr) / (sum(p^2) + sum(t^2) + smooth_dr),  p = sigmoid(logits), sums over
/// the voxels; without `squared_pred` p and t are not squared.  MONAI's loss of a batch is the mean over items and channels.
/// logits [B,K,D,H,W] floating, target of the same shape, bool or any number type, same device -> [B,K] in the dtype of the
/// logits, but float32 where they are float16 or bfloat16.  Differentiable in the logits.  B may be 0.  Any rank, no
/// communication.  Throws InternalError where the shapes differ.
at::Tensor dice_loss_per_item(const at::Tensor& logits, const at::Tensor& target, const DiceLossOptions& options = {});

}  // namespace vox::loss
