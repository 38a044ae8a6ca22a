#include "loss/token_cross_entropy.hpp"

#include <ATen/ops/log_softmax.h>

#include "core/error.hpp"
#include "core/text.hpp"
#include "loss/per_item.hpp"

namespace vox::loss {

TokenCrossEntropy token_cross_entropy_per_item(const at::Tensor& logits, const at::Tensor& labels, int64_t ignored) {
    const bool fits = logits.dim() == 3 && labels.dim() == 2 && logits.sizes().slice(0, 2) == labels.sizes() &&
                      logits.size(2) > 0 && labels.scalar_type() == at::kLong;
    core::check(fits, core::concat("cross-entropy of tokens: logits are [", core::join(logits.sizes()),
                                   "], the labels are [", core::join(labels.sizes()), "] of ",
                                   at::toString(labels.scalar_type()), "; they must be [B, T, K] and [B, T] of int64"));
    const auto counts = labels.ne(ignored);
    const auto log_p = at::log_softmax(logits, 2, loss_dtype(logits));
    const auto at_label = log_p.gather(2, labels.where(counts, labels.new_zeros({})).unsqueeze(2)).squeeze(2);
    // Not a product: an ignored place with infinite logits would make 0 * inf of it.
    return {.sum = at_label.masked_fill(counts.logical_not(), 0).sum(1).neg(),
            .count = counts.sum(1).to(log_p.scalar_type())};
}

}  // namespace vox::loss
