#include "loss/binary_cross_entropy.hpp"

#include <ATen/core/Reduction.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>

#include "core/error.hpp"
#include "core/text.hpp"
#include "loss/per_item.hpp"

namespace vox::loss {

at::Tensor binary_cross_entropy_per_item(const at::Tensor& logits, const at::Tensor& target) {
    core::check(logits.dim() == 5 && logits.sizes() == target.sizes(),
                core::concat("binary cross-entropy: logits are [", core::join(logits.sizes()), "], the target is [",
                             core::join(target.sizes()), "]; both must be the same [B, K, D, H, W]"));
    const auto x = logits.to(loss_dtype(logits));
    return mean_per_item(
        at::binary_cross_entropy_with_logits(x, target.to(x.scalar_type()), {}, {}, at::Reduction::None));
}

}  // namespace vox::loss
