#pragma once
// Collectives over NCCL: GPU tensors, on a stream of their own beside the computation.

#include <c10/cuda/CUDAStream.h>

#include "comm/communicator.hpp"
#include "comm/mpi_handle.hpp"
#include "comm/nccl_link.hpp"

namespace vox::comm {

class NcclCommunicator final : public Communicator {
public:
    /// Makes a group of the ranks of `source`, one GPU each: `device`, which becomes the current one.  `timeout_s` bounds
    /// the start and every collective.  All ranks of `source`.
    NcclCommunicator(MPI_Comm source, at::Device device, double timeout_s);

    std::string backend() const override { return "nccl"; }
    void all_reduce_sum(const at::Tensor& tensor) override;
    std::unique_ptr<Work> all_reduce_sum_async(const at::Tensor& tensor) override;
    at::Tensor reduce_scatter_sum(const at::Tensor& input) override;
    void broadcast(const at::Tensor& tensor, int root) override;
    at::Tensor all_gather(const at::Tensor& tensor) override;
    std::vector<at::Tensor> all_gather_v(const at::Tensor& tensor) override;
    void barrier() override;
    std::unique_ptr<Communicator> duplicate() override;

private:
    class StreamWork;
    using Call = std::function<ncclResult_t(ncclComm_t, cudaStream_t)>;

    /// Puts `call` on the collectives' stream, after what the current stream has been given so far.
    std::unique_ptr<Work> launch(const char* name, std::initializer_list<at::Tensor> tensors, const Call& call);
    void check_here(const at::Tensor& tensor, const char* collective) const;

    MpiHandle handle_;  // for the group's identity, and for duplicates
    double timeout_s_;
    c10::cuda::CUDAStream stream_;
    NcclLink link_;
    int64_t count_ = 0;
};

}  // namespace vox::comm
