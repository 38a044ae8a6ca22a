#pragma once
// Collectives that gradients flow through.  The loss is the SUM over ranks of what each rank returns, so the adjoint of a
// sum over ranks is a sum over ranks, and no factor of the world size appears anywhere.
//
// All ranks call them in forward, and all ranks have to come through them in backward: each rank's loss must depend on the
// result (weight 0 is enough), or the others wait in backward until the time limit.  Twice differentiable.

#include <ATen/core/Tensor.h>

#include <vector>

#include "comm/communicator.hpp"

namespace vox::comm {

/// The sum over ranks; the input stays as it is.  `comm` lives until backward is over.
at::Tensor all_reduce_sum(Communicator& comm, const at::Tensor& tensor);

/// [n, ...] -> [size*n, ...] in rank order.  Adjoint: this rank's slice of the summed gradient.
at::Tensor all_gather(Communicator& comm, const at::Tensor& tensor);

/// [size*n, ...] -> [n, ...]: this rank's slice of the sum.  Adjoint: all_gather.
at::Tensor reduce_scatter_sum(Communicator& comm, const at::Tensor& tensor);

/// [n_r, ...], n_r differing by rank and possibly 0 -> one tensor a rank, in rank order.
std::vector<at::Tensor> all_gather_v(Communicator& comm, const at::Tensor& tensor);

}  // namespace vox::comm
