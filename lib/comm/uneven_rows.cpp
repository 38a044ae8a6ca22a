#include "comm/uneven_rows.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

namespace vox::comm {

std::vector<at::Tensor> gather_uneven_rows(Communicator& comm, const at::Tensor& tensor,
                                           const std::function<at::Tensor(const at::Tensor&)>& gather) {
    const at::Tensor own_rows =
        at::full({1}, tensor.size(0), at::TensorOptions().dtype(at::kLong).device(tensor.device()));
    const at::Tensor all_rows = comm.all_gather(own_rows).to(at::kCPU);
    const int64_t* const rows = all_rows.const_data_ptr<int64_t>();
    const int64_t longest = *std::max_element(rows, rows + comm.size());

    std::vector<int64_t> missing = tensor.sizes().vec();
    missing[0] = longest - tensor.size(0);
    const at::Tensor all = gather(at::cat({tensor, at::zeros(missing, tensor.options().requires_grad(false))}));

    std::vector<at::Tensor> parts;
    for (int rank = 0; rank < comm.size(); ++rank) {
        // Clones: a slice would keep the whole padded block alive.
        parts.push_back(all.narrow(0, rank * longest, rows[rank]).clone());
    }
    return parts;
}

}  // namespace vox::comm
