#pragma once

#include <functional>

#include "comm/communicator.hpp"

namespace vox::comm {

/// all_gather_v for any backend, by `gather`, an equal all_gather over `comm`: every rank sends as many rows as the longest
/// has.  Differentiable where `gather` is.  All ranks.
std::vector<at::Tensor> gather_uneven_rows(Communicator& comm, const at::Tensor& tensor,
                                           const std::function<at::Tensor(const at::Tensor&)>& gather);

}  // namespace vox::comm
