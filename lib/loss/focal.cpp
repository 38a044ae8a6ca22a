#include "loss/focal.hpp"

#include <ATen/ops/log_sigmoid.h>
#include <ATen/ops/where.h>

#include "loss/per_item.hpp"

namespace vox::loss {

at::Tensor focal_loss_per_item(const at::Tensor& logits, const at::Tensor& labels, bool include_background,
                               double gamma) {
    check_classes("focal loss", logits, labels);
    const int64_t classes = logits.size(1), first = include_background ? 0 : 1;
    const auto x = logits.narrow(1, first, classes - first).to(loss_dtype(logits));
    // Signed so that q = sigmoid(z) for both kinds of voxels.  By logarithms: 1 - q and log q keep their digits near q = 1.
    const auto z = at::where(class_masks(labels, first, classes), x, x.neg());
    const auto focus = at::log_sigmoid(z.neg()).mul(gamma).exp();
    return mean_per_item(focus.mul(at::log_sigmoid(z))).neg();
}

}  // namespace vox::loss
