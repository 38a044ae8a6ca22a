#pragma once

#include "comm/communicator.hpp"

namespace vox::comm {

/// all_gather_v for any backend, by its all_gather: every rank sends as many rows as the longest has.  All ranks.
std::vector<at::Tensor> gather_uneven_rows(Communicator& comm, const at::Tensor& tensor);

}  // namespace vox::comm
