#include "comm/mpi_communicator.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <optional>

#include "comm/mpi_error.hpp"
#include "comm/tensor_checks.hpp"
#include "comm/uneven_rows.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::comm {
namespace {

MPI_Datatype mpi_type(at::ScalarType type) {
    switch (type) {
        case at::kDouble: return MPI_DOUBLE;
        case at::kFloat: return MPI_FLOAT;
        case at::kLong: return MPI_INT64_T;
        case at::kInt: return MPI_INT32_T;
        case at::kByte: return MPI_UINT8_T;
        default: throw core::InternalError(core::concat("no MPI type for ", c10::toString(type)));
    }
}

bool is_half(at::ScalarType type) { return type == at::kHalf || type == at::kBFloat16; }

}  // namespace

/// A tensor and the host memory that MPI works on: the tensor's own, or a copy.
struct MpiCommunicator::Staged {
    at::Tensor tensor;
    at::Tensor host;
    std::optional<c10::Event> arrived;  // of the copy from the GPU

    bool copied() const { return !host.is_same(tensor); }
    bool ready() const { return !arrived || arrived->query(); }
    /// On a GPU in the order of the current stream.
    void copy_back() {
        if (copied()) tensor.copy_(host, /*non_blocking=*/true);
    }
    int64_t bytes() const { return host.numel() * static_cast<int64_t>(host.element_size()); }
};

/// An all-reduce that the progress thread works on.
class MpiCommunicator::AsyncWork final : public Work {
public:
    AsyncWork(MpiProgress& progress, std::shared_ptr<Collective> collective, std::shared_ptr<Staged> staged)
        : progress_(progress), collective_(std::move(collective)), staged_(std::move(staged)) {}

    bool done() override {
        if (!delivered_ && progress_.ended(*collective_)) deliver();
        return delivered_;
    }
    void wait() override {
        if (delivered_) return;
        progress_.wait(*collective_);
        deliver();
    }

private:
    void deliver() {
        staged_->copy_back();
        delivered_ = true;
    }
    MpiProgress& progress_;
    std::shared_ptr<Collective> collective_;
    std::shared_ptr<Staged> staged_;
    bool delivered_ = false;
};

MpiCommunicator::MpiCommunicator(MPI_Comm source, at::Device device, double timeout_s, int64_t max_piece_bytes)
    : handle_(source), timeout_s_(timeout_s), max_piece_bytes_(max_piece_bytes), progress_(timeout_s) {
    rank_ = handle_.rank();
    size_ = handle_.size();
    device_ = device;
}

MpiCommunicator::~MpiCommunicator() {
    if (progress_.broken()) handle_.abandon();
}

std::shared_ptr<Collective> MpiCommunicator::collective(std::string_view name, int64_t bytes) {
    auto made = std::make_shared<Collective>(handle_.get(), max_piece_bytes_);
    made->name = core::concat(name, " #", count_++, " of ", core::human_bytes(static_cast<double>(bytes)));
    made->data_ready = [] { return true; };
    return made;
}

std::shared_ptr<MpiCommunicator::Staged> MpiCommunicator::stage(const at::Tensor& tensor, bool for_sum) const {
    auto staged = std::make_shared<Staged>();
    staged->tensor = tensor.detach();
    staged->host = staged->tensor;
    // Sixteen bits are too few to sum in: each partial sum would be rounded.
    const bool widen = for_sum && is_half(tensor.scalar_type());
    const bool on_gpu = !tensor.is_cpu();
    if (!widen && !on_gpu) return staged;
    const auto options = at::TensorOptions().device(at::kCPU).dtype(widen ? at::kFloat : tensor.scalar_type());
    staged->host = at::empty_like(staged->tensor, options.pinned_memory(on_gpu), at::MemoryFormat::Preserve);
    staged->host.copy_(staged->tensor, /*non_blocking=*/true);
    if (on_gpu) {
        const c10::impl::VirtualGuardImpl guard(tensor.device().type());
        staged->arrived.emplace(tensor.device().type());
        staged->arrived->record(guard.getStream(tensor.device()));
    }
    return staged;
}

std::shared_ptr<Collective> MpiCommunicator::sum_of(const std::shared_ptr<Staged>& staged, std::string_view name) {
    auto sum = collective(name, staged->bytes());
    sum->calls.keep(staged);
    sum->data_ready = [staged] { return staged->ready(); };
    // Open MPI's algorithms for MPI_Iallreduce (tree and broadcast, ring, recursive doubling) compute each element once or
    // by the same tree everywhere, in an order that depends on sizes alone: every rank and every run gets the same bits.
    sum->start = [staged](MpiCalls& calls) {
        calls.all_reduce(staged->host.data_ptr(), staged->host.numel(), mpi_type(staged->host.scalar_type()), MPI_SUM);
    };
    return sum;
}

void MpiCommunicator::all_reduce_sum(const at::Tensor& tensor) {
    check_summable(tensor, "all_reduce_sum");
    const auto staged = stage(tensor, true);
    progress_.run(sum_of(staged, "all_reduce_sum"));
    staged->copy_back();
}

std::unique_ptr<Work> MpiCommunicator::all_reduce_sum_async(const at::Tensor& tensor) {
    check_summable(tensor, "all_reduce_sum_async");
    const auto staged = stage(tensor, true);
    auto sum = sum_of(staged, "all_reduce_sum_async");
    progress_.submit(sum);
    return std::make_unique<AsyncWork>(progress_, std::move(sum), staged);
}

at::Tensor MpiCommunicator::reduce_scatter_sum(const at::Tensor& input) {
    check_summable(input, "reduce_scatter_sum");
    check_splits(input, size_);
    // A slice of the all-reduce: small here (gradients of gathered values), and the same bits as all_reduce_sum.
    const at::Tensor sum = input.detach().clone(at::MemoryFormat::Contiguous);
    const auto staged = stage(sum, true);
    progress_.run(sum_of(staged, "reduce_scatter_sum"));
    staged->copy_back();
    const int64_t rows = sum.size(0) / size_;
    return sum.narrow(0, rank_ * rows, rows).clone();
}

void MpiCommunicator::broadcast(const at::Tensor& tensor, int root) {
    check_dense(tensor, "broadcast");
    check_root(root, size_);
    const auto staged = stage(tensor, false);
    auto sent = collective("broadcast", staged->bytes());
    sent->calls.keep(staged);
    sent->data_ready = [staged] { return staged->ready(); };
    sent->start = [staged, root](MpiCalls& calls) { calls.broadcast(staged->host.data_ptr(), staged->bytes(), root); };
    progress_.run(sent);
    staged->copy_back();
}

at::Tensor MpiCommunicator::all_gather(const at::Tensor& tensor) {
    check_has_rows(tensor, "all_gather");
    const auto staged = stage(tensor.contiguous(), false);
    std::vector<int64_t> sizes = tensor.sizes().vec();
    sizes[0] *= size_;
    const auto all =
        std::make_shared<at::Tensor>(at::empty(sizes, staged->host.options().pinned_memory(staged->copied())));
    auto gathered = collective("all_gather", staged->bytes() * size_);
    gathered->calls.keep(staged);
    gathered->calls.keep(all);
    gathered->data_ready = [staged] { return staged->ready(); };
    gathered->start = [staged, all](MpiCalls& calls) {
        calls.all_gather(staged->host.data_ptr(), all->data_ptr(), staged->bytes());
    };
    progress_.run(gathered);
    return all->to(tensor.device(), /*non_blocking=*/true);
}

std::vector<at::Tensor> MpiCommunicator::all_gather_v(const at::Tensor& tensor) {
    check_has_rows(tensor, "all_gather_v");
    return gather_uneven_rows(*this, tensor.detach(), [this](const at::Tensor& rows) { return all_gather(rows); });
}

void MpiCommunicator::barrier() {
    auto met = collective("barrier", 0);
    met->start = [](MpiCalls& calls) { calls.barrier(); };
    progress_.run(met);
}

std::unique_ptr<Communicator> MpiCommunicator::duplicate() {
    return std::make_unique<MpiCommunicator>(handle_.get(), device_, timeout_s_, max_piece_bytes_);
}

}  // namespace vox::comm
