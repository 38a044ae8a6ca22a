#include "comm/nccl_communicator.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/cuda/CUDAGuard.h>

#include <algorithm>

#include "comm/mpi_calls.hpp"
#include "comm/tensor_checks.hpp"
#include "comm/uneven_rows.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::comm {
namespace {

ncclDataType_t nccl_type(at::ScalarType type) {
    switch (type) {
        case at::kDouble: return ncclFloat64;
        case at::kFloat: return ncclFloat32;
        case at::kHalf: return ncclFloat16;
        case at::kBFloat16: return ncclBfloat16;
        case at::kLong: return ncclInt64;
        case at::kInt: return ncclInt32;
        case at::kByte: return ncclUint8;
        default: throw core::InternalError(core::concat("no NCCL type for ", c10::toString(type)));
    }
}

c10::cuda::CUDAStream own_stream(at::Device device) {
    c10::cuda::set_device(device.index());
    return c10::cuda::getStreamFromPool(/*isHighPriority=*/true, device.index());
}

}  // namespace

class NcclCommunicator::StreamWork final : public Work {
public:
    StreamWork(NcclLink& link, std::shared_ptr<c10::Event> event, c10::DeviceIndex device)
        : link_(link), event_(std::move(event)), device_(device) {}
    bool done() override {
        link_.check();
        return event_->query();
    }
    void wait() override {
        link_.check();
        event_->block(c10::cuda::getCurrentCUDAStream(device_));
    }

private:
    NcclLink& link_;
    std::shared_ptr<c10::Event> event_;
    c10::DeviceIndex device_;
};

NcclCommunicator::NcclCommunicator(MPI_Comm source, at::Device device, double timeout_s)
    : handle_(source),
      timeout_s_(timeout_s),
      stream_(own_stream(device)),
      link_(shared_nccl_id(handle_.get(), timeout_s), handle_.rank(), handle_.size(), timeout_s) {
    rank_ = handle_.rank();
    size_ = handle_.size();
    device_ = device;
}

void NcclCommunicator::check_here(const at::Tensor& tensor, const char* collective) const {
    core::check(tensor.defined() && tensor.device() == device_,
                core::concat(collective, ": NCCL moves tensors of ", device_.str(), " only"));
}

std::unique_ptr<Work> NcclCommunicator::launch(const char* name, std::initializer_list<at::Tensor> tensors,
                                               const Call& call) {
    const c10::cuda::CUDAGuard guard(device_);
    const auto current = c10::cuda::getCurrentCUDAStream(device_.index());
    c10::Event inputs_ready(at::kCUDA);
    inputs_ready.record(current);
    inputs_ready.block(stream_);
    int64_t bytes = 0;
    for (const at::Tensor& tensor : tensors) {
        // The allocator must not give this memory away while the collective's stream still works on it.
        if (tensor.numel() > 0) tensor.record_stream(stream_);
        bytes = std::max(bytes, tensor.numel() * static_cast<int64_t>(tensor.element_size()));
    }
    if (bytes > 0) link_.call(name, [&](ncclComm_t comm) { return call(comm, stream_.stream()); });
    auto event = std::make_shared<c10::Event>(at::kCUDA);
    event->record(stream_);
    link_.watch(core::concat(name, " #", count_++, " of ", core::human_bytes(static_cast<double>(bytes))), event);
    return std::make_unique<StreamWork>(link_, std::move(event), device_.index());
}

std::unique_ptr<Work> NcclCommunicator::all_reduce_sum_async(const at::Tensor& tensor) {
    check_summable(tensor, "all_reduce_sum");
    check_here(tensor, "all_reduce_sum");
    return launch("all_reduce_sum", {tensor}, [&](ncclComm_t comm, cudaStream_t stream) {
        return ncclAllReduce(tensor.data_ptr(), tensor.data_ptr(), tensor.numel(), nccl_type(tensor.scalar_type()),
                             ncclSum, comm, stream);
    });
}

void NcclCommunicator::all_reduce_sum(const at::Tensor& tensor) { all_reduce_sum_async(tensor)->wait(); }

at::Tensor NcclCommunicator::reduce_scatter_sum(const at::Tensor& input) {
    check_summable(input, "reduce_scatter_sum");
    check_here(input, "reduce_scatter_sum");
    check_splits(input, size_);
    const at::Tensor rows = input.detach().contiguous();
    std::vector<int64_t> sizes = input.sizes().vec();
    sizes[0] /= size_;
    const at::Tensor slice = at::empty(sizes, rows.options());
    launch("reduce_scatter_sum", {rows, slice}, [&](ncclComm_t comm, cudaStream_t stream) {
        return ncclReduceScatter(rows.data_ptr(), slice.data_ptr(), slice.numel(), nccl_type(rows.scalar_type()),
                                 ncclSum, comm, stream);
    })->wait();
    return slice;
}

void NcclCommunicator::broadcast(const at::Tensor& tensor, int root) {
    check_dense(tensor, "broadcast");
    check_here(tensor, "broadcast");
    check_root(root, size_);
    launch("broadcast", {tensor}, [&](ncclComm_t comm, cudaStream_t stream) {
        return ncclBroadcast(tensor.data_ptr(), tensor.data_ptr(), tensor.nbytes(), ncclUint8, root, comm, stream);
    })->wait();
}

at::Tensor NcclCommunicator::all_gather(const at::Tensor& tensor) {
    check_has_rows(tensor, "all_gather");
    check_here(tensor, "all_gather");
    const at::Tensor rows = tensor.detach().contiguous();
    std::vector<int64_t> sizes = tensor.sizes().vec();
    sizes[0] *= size_;
    const at::Tensor all = at::empty(sizes, rows.options());
    launch("all_gather", {rows, all}, [&](ncclComm_t comm, cudaStream_t stream) {
        return ncclAllGather(rows.data_ptr(), all.data_ptr(), rows.nbytes(), ncclUint8, comm, stream);
    })->wait();
    return all;
}

std::vector<at::Tensor> NcclCommunicator::all_gather_v(const at::Tensor& tensor) {
    check_has_rows(tensor, "all_gather_v");
    return gather_uneven_rows(*this, tensor.detach(), [this](const at::Tensor& rows) { return all_gather(rows); });
}

void NcclCommunicator::barrier() {
    const auto met = all_reduce_sum_async(at::zeros({1}, at::TensorOptions().device(device_)));
    Backoff backoff;
    while (!met->done()) backoff.pause();
}

std::unique_ptr<Communicator> NcclCommunicator::duplicate() {
    return std::make_unique<NcclCommunicator>(handle_.get(), device_, timeout_s_);
}

}  // namespace vox::comm
