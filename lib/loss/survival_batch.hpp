#pragma once
// What losses of survival compare: people of one batch with each other.  Who is at risk at somebody's event may lie on any rank, so that
// a loss of each rank's own people is another loss.

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "comm/communicator.hpp"

namespace vox::loss {

/// People who are compared with each other, and which of them are this rank's: a loss sums over those, and sums over ranks to that of all.
struct SurvivalBatch {
    at::Tensor risks;  // [N] float64: log hazard ratios, with a graph
    at::Tensor times;  // [N] float64: of the event, or of the end of watching; any unit
    at::Tensor events;  // [N] bool: whether there was an event
    int64_t first = 0, own = 0;  // rows first, ..., first + own - 1 are this rank's
    at::ScalarType dtype =
        at::kDouble;  // of losses: that of the risks, but float32 where they were float16 or bfloat16
};

/// All people of one process.  risks [N] floating, times [N] any floating type, events [N] bool or 0 and 1 of any number type; the latter
/// two on any device.  N may be 0.  Any rank, no communication.  Throws InternalError where sizes differ or a time is not finite.
SurvivalBatch survival_batch(const at::Tensor& risks, const at::Tensor& times, const at::Tensor& events);

/// Those of all ranks, in rank order, from each rank's own, as many as it has, none included.  Differentiable: backward sums over ranks
/// what each one's loss says of everybody's risk.  All ranks; risks need a gradient on all of them or on none, and each rank's loss must
/// be differentiated, whatever it has of its own (comm/autograd.hpp).  `comm` lives until then.
SurvivalBatch gather_survival_batch(comm::Communicator& comm, const at::Tensor& risks, const at::Tensor& times,
                                    const at::Tensor& events);

}  // namespace vox::loss
