#include "train/anomaly.hpp"

#include <ATen/ops/isfinite.h>
#include <torch/csrc/autograd/anomaly_mode.h>

#include <set>
#include <string>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::train {

void check_finite(const std::vector<data::Batch>& batches) {
    std::set<std::string> cases;
    for (const auto& batch : batches)
        for (int64_t item = 0; item < batch.size(); ++item)
            if (!at::isfinite(batch.image[item]).all().item<bool>())
                cases.insert(batch.case_ids[static_cast<size_t>(item)]);
    if (cases.empty()) return;
    throw core::DataError(core::concat("intensities that are not finite in a training crop of ",
                                       core::join(std::vector<std::string>(cases.begin(), cases.end())),
                                       ": look at these cases and at the transforms of section data"));
}

void backward_with_checks(const at::Tensor& loss, const data::Batch& batch) {
    // Around backward alone: around forward it would also keep a C++ backtrace of every operation, at milliseconds each.
    const torch::autograd::DetectAnomalyGuard guard;
    try {
        loss.backward();
    } catch (const std::exception& error) {
        const std::string what = error.what();
        const auto found = what.find("returned nan values");
        if (found == std::string::npos) throw;
        const auto line = what.substr(0, what.find('\n'));
        throw core::DataError(core::concat("a gradient is not a number: ", line, "  In cases ",
                                           core::join(batch.case_ids),
                                           ": look at these, at the loss, and at the learning rate"));
    }
}

}  // namespace vox::train
