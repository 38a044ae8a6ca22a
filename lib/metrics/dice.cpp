#include "metrics/dice.hpp"

#include <ATen/ops/stack.h>

#include <limits>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::metrics {

std::string_view describe(EmptyRule rule) {
    return rule == EmptyRule::skip ? "empty truth: left out" : "empty truth: 1 if the prediction is empty too, else 0";
}

EmptyRule empty_rule(const std::string& name) {
    if (name == "both_empty_is_one") return EmptyRule::both_empty_is_one;
    if (name == "skip") return EmptyRule::skip;
    throw core::ConfigError(
        core::concat("there is no rule '", name, "' for empty masks; there are: both_empty_is_one, skip"));
}

double dice(int64_t both, int64_t predicted, int64_t truth, EmptyRule rule) {
    if (truth > 0) return 2.0 * static_cast<double>(both) / static_cast<double>(predicted + truth);
    if (rule == EmptyRule::skip) return std::numeric_limits<double>::quiet_NaN();
    return predicted == 0 ? 1.0 : 0.0;
}

double dice(const at::Tensor& predicted, const at::Tensor& truth, EmptyRule rule) {
    core::check(predicted.sizes() == truth.sizes(),
                core::concat("Dice: the prediction is [", core::join(predicted.sizes()), "], the truth is [",
                             core::join(truth.sizes()), "]"));
    const auto p = predicted.ne(0), t = truth.ne(0);
    // One copy to the host: on a GPU every copy waits for the device.
    const auto counts = at::stack({p.logical_and(t).sum(), p.sum(), t.sum()}).cpu();
    const auto* n = counts.const_data_ptr<int64_t>();
    return dice(n[0], n[1], n[2], rule);
}

std::vector<double> dice_per_channel(const at::Tensor& predicted, const at::Tensor& truth, EmptyRule rule) {
    core::check(predicted.dim() > 0 && predicted.sizes() == truth.sizes(), "Dice: the masks differ in shape");
    std::vector<double> figures;
    for (int64_t k = 0; k < predicted.size(0); ++k) figures.push_back(dice(predicted[k], truth[k], rule));
    return figures;
}

}  // namespace vox::metrics
