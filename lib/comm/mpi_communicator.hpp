#pragma once
// Collectives over MPI: CPU tensors in place, GPU tensors through pinned host memory.

#include "comm/communicator.hpp"
#include "comm/mpi_handle.hpp"
#include "comm/mpi_progress.hpp"

namespace vox::comm {

class MpiCommunicator final : public Communicator {
public:
    /// Duplicates `source`.  `timeout_s` bounds every wait (0: none); `max_piece_bytes` is what one MPI call carries at
    /// most.  All ranks of `source`.
    MpiCommunicator(MPI_Comm source, at::Device device, double timeout_s, int64_t max_piece_bytes = kMaxPieceBytes);
    ~MpiCommunicator() override;

    std::string backend() const override { return "mpi"; }
    void all_reduce_sum(const at::Tensor& tensor) override;
    std::unique_ptr<Work> all_reduce_sum_async(const at::Tensor& tensor) override;
    at::Tensor reduce_scatter_sum(const at::Tensor& input) override;
    void broadcast(const at::Tensor& tensor, int root) override;
    at::Tensor all_gather(const at::Tensor& tensor) override;
    std::vector<at::Tensor> all_gather_v(const at::Tensor& tensor) override;
    void barrier() override;
    std::unique_ptr<Communicator> duplicate() override;

private:
    struct Staged;
    class AsyncWork;

    std::shared_ptr<Collective> collective(std::string_view name, int64_t bytes);
    std::shared_ptr<Staged> stage(const at::Tensor& tensor, bool for_sum) const;
    std::shared_ptr<Collective> sum_of(const std::shared_ptr<Staged>& staged, std::string_view name);

    MpiHandle handle_;
    double timeout_s_;
    int64_t max_piece_bytes_;
    int64_t count_ = 0;  // collectives so far: the same number on every rank means the same collective
    MpiProgress progress_;
};

}  // namespace vox::comm
