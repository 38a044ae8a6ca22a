#pragma once
// Losses of exclusive classes that are made of parts, equal to MONAI's DiceFocalLoss and DiceCELoss.

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "loss/options.hpp"

namespace vox::loss {

/// One part of a loss: what it is logged as, and its factor in the sum.
struct Part {
    std::string name;
    double coefficient;
};

/// dice_focal: "dice" and "focal"; dice_ce: "dice" and "ce".  Throws InternalError for a loss that is not of classes.
std::vector<Part> compound_parts(const Options& options);

/// The parts in that order, not yet times their coefficients, each [B].  The mean over items of the sum of coefficient * part
/// is MONAI's DiceFocalLoss or DiceCELoss(softmax=True, to_onehot_y=True).
/// logits [B,K,D,H,W] floating, K of 2 or more; labels [B,D,H,W] of any integer type, below K; see softmax_dice_loss_per_item,
/// focal_loss_per_item and cross_entropy_per_item.
std::vector<at::Tensor> compound_losses_per_item(const at::Tensor& logits, const at::Tensor& labels,
                                                 const Options& options);

}  // namespace vox::loss
