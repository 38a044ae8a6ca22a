#include "loss/cross_entropy.hpp"

#include <ATen/ops/log_softmax.h>

#include "loss/per_item.hpp"

namespace vox::loss {

at::Tensor cross_entropy_per_item(const at::Tensor& logits, const at::Tensor& labels) {
    check_classes("cross-entropy", logits, labels);
    // Not at::cross_entropy_loss: it refuses an empty batch of volumes.
    const auto log_p = at::log_softmax(logits, 1, loss_dtype(logits));
    return mean_per_item(log_p.gather(1, labels.unsqueeze(1).to(at::kLong))).neg();
}

}  // namespace vox::loss
