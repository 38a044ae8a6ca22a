#pragma once

#include "comm/communicator.hpp"

namespace vox::comm {

/// One rank alone: every collective is the identity, on CPU or GPU.
class LocalCommunicator final : public Communicator {
public:
    explicit LocalCommunicator(at::Device device);

    std::string backend() const override { return "local"; }
    void all_reduce_sum(const at::Tensor& tensor) override;
    std::unique_ptr<Work> all_reduce_sum_async(const at::Tensor& tensor) override;
    at::Tensor reduce_scatter_sum(const at::Tensor& input) override;
    void broadcast(const at::Tensor& tensor, int root) override;
    at::Tensor all_gather(const at::Tensor& tensor) override;
    std::vector<at::Tensor> all_gather_v(const at::Tensor& tensor) override;
    void barrier() override {}
    std::unique_ptr<Communicator> duplicate() override;
};

}  // namespace vox::comm
