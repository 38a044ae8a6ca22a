#include "loss/per_item.hpp"

#include <ATen/ops/arange.h>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::loss {

at::ScalarType loss_dtype(const at::Tensor& logits) {
    // Sums over millions of voxels do not fit 8 or 11 bits of mantissa.
    const auto dtype = logits.scalar_type();
    return dtype == at::kHalf || dtype == at::kBFloat16 ? at::kFloat : dtype;
}

void check_classes(const char* loss, const at::Tensor& logits, const at::Tensor& labels) {
    const bool fits = logits.dim() == 5 && labels.dim() == 4 && logits.size(1) >= 2 &&
                      logits.size(0) == labels.size(0) && logits.sizes().slice(2) == labels.sizes().slice(1);
    core::check(fits, core::concat(loss, ": logits are [", core::join(logits.sizes()), "], the labels are [",
                                   core::join(labels.sizes()),
                                   "]; they must be [B, K, D, H, W], K at least 2, and [B, D, H, W]"));
}

at::Tensor class_masks(const at::Tensor& labels, int64_t first, int64_t classes) {
    const auto values = at::arange(first, classes, labels.options()).view({1, -1, 1, 1, 1});
    return labels.unsqueeze(1).eq(values);
}

at::Tensor mean_per_item(const at::Tensor& values) { return values.mean(at::IntArrayRef({1, 2, 3, 4})); }

}  // namespace vox::loss
