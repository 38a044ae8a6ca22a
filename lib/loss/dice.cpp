#include "loss/dice.hpp"

#include <ATen/ops/sigmoid.h>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::loss {
namespace {

at::Tensor sum_over_voxels(const at::Tensor& x) { return x.sum(at::IntArrayRef({2, 3, 4})); }

bool is_half(const at::Tensor& x) { return x.scalar_type() == at::kHalf || x.scalar_type() == at::kBFloat16; }

}  // namespace

at::Tensor dice_loss_per_item(const at::Tensor& logits, const at::Tensor& target, const DiceLossOptions& options) {
    core::check(logits.dim() == 5 && logits.sizes() == target.sizes(),
                core::concat("Dice loss: logits are [", core::join(logits.sizes()), "], the target is [",
                             core::join(target.sizes()), "]; both must be the same [B, K, D, H, W]"));
    // Sums over millions of voxels do not fit 8 or 11 bits of mantissa.
    const auto p = at::sigmoid(is_half(logits) ? logits.to(at::kFloat) : logits);
    const auto t = target.to(p.scalar_type());
    const auto overlap = sum_over_voxels(p.mul(t));
    const auto sizes = options.squared_pred ? sum_over_voxels(p.square()).add(sum_over_voxels(t.square()))
                                            : sum_over_voxels(p).add(sum_over_voxels(t));
    return overlap.mul(2).add(options.smooth_nr).div(sizes.add(options.smooth_dr)).neg().add(1);
}

}  // namespace vox::loss
