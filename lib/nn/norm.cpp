#include "nn/norm.hpp"

#include <ATen/ops/group_norm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"
#include "nn/sync_batch_norm.hpp"

namespace vox::nn {
namespace {

/// Groups of channels of one item (Wu & He 2018).  One group a channel is instance normalisation.
class GroupNorm : public Norm {
public:
    GroupNorm(int64_t channels, int64_t groups, double eps) : groups_(groups), eps_(eps) {
        weight_ = register_parameter("weight", at::ones({channels}));
        bias_ = register_parameter("bias", at::zeros({channels}));
    }

    at::Tensor forward(const at::Tensor& x) override { return at::group_norm(x, groups_, weight_, bias_, eps_); }

private:
    int64_t groups_;
    double eps_;
    at::Tensor weight_;
    at::Tensor bias_;
};

}  // namespace

const std::vector<std::string>& norm_kinds() {
    static const std::vector<std::string> kinds = {"group", "instance", "batch", "sync_batch"};
    return kinds;
}

std::shared_ptr<Norm> make_norm(const std::string& kind, int64_t channels, int64_t groups,
                                comm::Communicator* communicator, double eps) {
    if (kind == "group") {
        if (groups < 1 || channels % groups != 0) {
            throw core::ConfigError(
                core::concat("group norm: ", groups, " groups do not divide ", channels, " channels"));
        }
        return std::make_shared<GroupNorm>(channels, groups, eps);
    }
    // ATen's instance_norm refuses an empty batch; one group a channel is the same function.
    if (kind == "instance") return std::make_shared<GroupNorm>(channels, channels, eps);
    if (kind == "batch") return std::make_shared<SyncBatchNorm>(channels, nullptr, eps);
    if (kind == "sync_batch") {
        core::check(communicator != nullptr, "sync_batch normalisation needs a communicator");
        return std::make_shared<SyncBatchNorm>(channels, communicator, eps);
    }
    throw core::ConfigError(core::concat("norm '", kind, "' is unknown; choose one of ", core::join(norm_kinds())));
}

}  // namespace vox::nn
