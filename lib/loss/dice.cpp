#include "loss/dice.hpp"

#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softmax.h>

#include "core/error.hpp"
#include "core/text.hpp"
#include "loss/per_item.hpp"

namespace vox::loss {
namespace {

at::Tensor sum_over_voxels(const at::Tensor& x, at::ScalarType dtype) {
    return x.sum(at::IntArrayRef({2, 3, 4}), /*keepdim=*/false, dtype);
}

/// p [B,K,D,H,W], t the same shape in the same dtype or bool -> [B,K].
at::Tensor dice_of(const at::Tensor& p, const at::Tensor& t, const DiceLossOptions& options) {
    const auto dtype = p.scalar_type();
    const bool is_mask = t.scalar_type() == at::kBool;  // its own square
    const auto overlap = sum_over_voxels(p.mul(t), dtype);
    const auto p_size = sum_over_voxels(options.squared_pred ? p.square() : p, dtype);
    const auto t_size = sum_over_voxels(options.squared_pred && !is_mask ? t.square() : t, dtype);
    return overlap.mul(2).add(options.smooth_nr).div(p_size.add(t_size).add(options.smooth_dr)).neg().add(1);
}

}  // namespace

at::Tensor dice_loss_per_item(const at::Tensor& logits, const at::Tensor& target, const DiceLossOptions& options) {
    core::check(logits.dim() == 5 && logits.sizes() == target.sizes(),
                core::concat("Dice loss: logits are [", core::join(logits.sizes()), "], the target is [",
                             core::join(target.sizes()), "]; both must be the same [B, K, D, H, W]"));
    const auto p = at::sigmoid(logits.to(loss_dtype(logits)));
    return dice_of(p, target.scalar_type() == at::kBool ? target : target.to(p.scalar_type()), options);
}

at::Tensor softmax_dice_loss_per_item(const at::Tensor& logits, const at::Tensor& labels, bool include_background,
                                      const DiceLossOptions& options) {
    check_classes("softmax Dice loss", logits, labels);
    const int64_t classes = logits.size(1), first = include_background ? 0 : 1;
    const auto p = at::softmax(logits, 1, loss_dtype(logits));
    return dice_of(p.narrow(1, first, classes - first), class_masks(labels, first, classes), options).mean(1);
}

}  // namespace vox::loss
