#pragma once
// Data plane: tensors of all ranks.  Local (one rank), MPI (host memory) or NCCL (GPU memory) behind one interface.

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace vox::comm {

/// A collective that is under way.
class Work {
public:
    virtual ~Work() = default;
    /// True where the result is in place; never blocks.  Throws PeerError where the collective failed.
    virtual bool done() = 0;
    /// Until then the tensor must be neither read nor written.  On a GPU: orders the current stream after the collective
    /// and returns at once.  Throws PeerError where the collective failed or its time limit passed.
    virtual void wait() = 0;
};

/// A group of ranks that exchange tensors.  Every operation is a collective: ALL ranks call it, in the same order, with the
/// same shape and dtype (empty tensors included).  One thread posts on one communicator: what posts from another thread, or
/// in an order of its own (the gradient reducer, what synchronises inside a model), takes a `duplicate()`.
/// Tensors are contiguous in some dense memory format, on `device()` (MPI also takes GPU tensors: staged through the host).
/// Floating dtypes; bf16 and fp16 are reduced in fp32 on MPI.  int64, int32 and uint8 work for sum, broadcast and gather.
class Communicator {
public:
    virtual ~Communicator() = default;

    int rank() const { return rank_; }
    int size() const { return size_; }
    /// Where this rank's model and batches live: cpu or cuda:N.
    at::Device device() const { return device_; }
    /// "local", "mpi", "nccl".
    virtual std::string backend() const = 0;

    /// In place: the sum over ranks.  The same bits on every rank.
    virtual void all_reduce_sum(const at::Tensor& tensor) = 0;
    virtual std::unique_ptr<Work> all_reduce_sum_async(const at::Tensor& tensor) = 0;  // returns at once
    /// input [size*n, ...] -> [n, ...]: this rank's slice of the sum.
    virtual at::Tensor reduce_scatter_sum(const at::Tensor& input) = 0;
    /// In place: rank `root`'s values.
    virtual void broadcast(const at::Tensor& tensor, int root) = 0;
    /// [n, ...] -> [size*n, ...] in rank order.
    virtual at::Tensor all_gather(const at::Tensor& tensor) = 0;
    /// [n_r, ...], n_r differing by rank and possibly 0 -> one tensor a rank, in rank order.
    virtual std::vector<at::Tensor> all_gather_v(const at::Tensor& tensor) = 0;
    virtual void barrier() = 0;

    /// Another communicator over the same ranks and device, whose messages do not mix with this one's.  All ranks.
    virtual std::unique_ptr<Communicator> duplicate() = 0;

protected:
    int rank_ = 0;
    int size_ = 1;
    at::Device device_ = at::Device(at::kCPU);
};

}  // namespace vox::comm
