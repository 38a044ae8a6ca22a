#include "loss/survival_batch.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/stack.h>

#include <vector>

#include "comm/autograd.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "loss/per_item.hpp"

namespace vox::loss {

SurvivalBatch survival_batch(const at::Tensor& risks, const at::Tensor& times, const at::Tensor& events) {
    core::check(risks.dim() == 1 && risks.is_floating_point() && times.sizes() == risks.sizes() &&
                    events.sizes() == risks.sizes(),
                core::concat("survival: risks [", core::join(risks.sizes()), "], times [", core::join(times.sizes()),
                             "] and events [", core::join(events.sizes()), "] have to be [N], one each a person"));
    core::check(at::isfinite(times).all().item<bool>(), "survival: a time is not finite");
    return {.risks = risks.to(at::kDouble),
            .times = times.detach().to(risks.device(), at::kDouble),
            .events = events.detach().to(risks.device()).ne(0),
            .first = 0,
            .own = risks.size(0),
            .dtype = loss_dtype(risks)};
}

SurvivalBatch gather_survival_batch(comm::Communicator& comm, const at::Tensor& risks, const at::Tensor& times,
                                    const at::Tensor& events) {
    SurvivalBatch batch = survival_batch(risks, times, events);
    // One gather for all three: they are a few numbers, and float64 keeps each as it is.
    const auto rows = at::stack({batch.risks, batch.times, batch.events.to(at::kDouble)}, 1);
    const std::vector<at::Tensor> parts = comm::all_gather_v(comm, rows);
    for (int rank = 0; rank < comm.rank(); ++rank) batch.first += parts[static_cast<size_t>(rank)].size(0);
    const auto all = at::cat(parts);
    batch.risks = all.select(1, 0);
    batch.times = all.select(1, 1).detach();
    batch.events = all.select(1, 2).detach().ne(0);
    return batch;
}

}  // namespace vox::loss
