#include "comm/local_communicator.hpp"

#include "comm/tensor_checks.hpp"
#include "core/error.hpp"

namespace vox::comm {
namespace {

class FinishedWork final : public Work {
public:
    bool done() override { return true; }
    void wait() override {}
};

}  // namespace

LocalCommunicator::LocalCommunicator(at::Device device) { device_ = device; }

// The same checks as with many ranks, so that a mistake shows before the first run on a cluster.
void LocalCommunicator::all_reduce_sum(const at::Tensor& tensor) { check_summable(tensor, "all_reduce_sum"); }

std::unique_ptr<Work> LocalCommunicator::all_reduce_sum_async(const at::Tensor& tensor) {
    check_summable(tensor, "all_reduce_sum_async");
    return std::make_unique<FinishedWork>();
}

at::Tensor LocalCommunicator::reduce_scatter_sum(const at::Tensor& input) {
    check_summable(input, "reduce_scatter_sum");
    check_splits(input, 1);
    return input.clone(at::MemoryFormat::Contiguous);
}

void LocalCommunicator::broadcast(const at::Tensor& tensor, int root) {
    check_dense(tensor, "broadcast");
    check_root(root, 1);
}

at::Tensor LocalCommunicator::all_gather(const at::Tensor& tensor) {
    check_has_rows(tensor, "all_gather");
    return tensor.clone(at::MemoryFormat::Contiguous);
}

std::vector<at::Tensor> LocalCommunicator::all_gather_v(const at::Tensor& tensor) {
    check_has_rows(tensor, "all_gather_v");
    return {tensor.clone(at::MemoryFormat::Contiguous)};
}

std::unique_ptr<Communicator> LocalCommunicator::duplicate() { return std::make_unique<LocalCommunicator>(device_); }

}  // namespace vox::comm
