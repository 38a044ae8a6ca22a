#include "train/grad_reducer.hpp"

#include <ATen/ops/as_strided.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <functional>

#include "core/error.hpp"
#include "core/text.hpp"
#include "core/timer.hpp"

namespace vox::train {
namespace {

/// Runs after autograd has added a gradient into `.grad`.
struct ReadyHook : torch::autograd::PostAccumulateGradHook {
    explicit ReadyHook(std::function<void()> ready) : ready_(std::move(ready)) {}
    void operator()(const at::Tensor&) override { ready_(); }
    std::function<void()> ready_;
};

}  // namespace

GradReducer::GradReducer(std::vector<NamedParameter> parameters, std::unique_ptr<comm::Communicator> comm,
                         Options options)
    : parameters_(std::move(parameters)), comm_(std::move(comm)) {
    core::check(!parameters_.empty(), "a reducer needs at least one parameter");
    build_buckets(options.bucket_bytes);
    adopt_gradients();
    reached_.assign(parameters_.size(), false);
}

GradReducer::~GradReducer() {
    for (auto& parameter : parameters_) torch::autograd::impl::set_post_acc_grad_hooks(parameter.tensor, nullptr);
}

void GradReducer::build_buckets(int64_t bucket_bytes) {
    bucket_of_.resize(parameters_.size());
    int64_t bytes = 0;
    for (size_t i = parameters_.size(); i-- > 0;) {
        const auto& tensor = parameters_[i].tensor;
        core::check(tensor.is_leaf() && tensor.requires_grad(), parameters_[i].name + " is not a trained leaf tensor");
        const bool other_type =
            !buckets_.empty() && parameters_[buckets_.back().members.front()].tensor.dtype() != tensor.dtype();
        const auto size = static_cast<int64_t>(tensor.nbytes());
        if (buckets_.empty() || other_type || bytes + size > bucket_bytes) {
            buckets_.emplace_back();
            bytes = 0;
        }
        buckets_.back().members.push_back(i);
        bucket_of_[i] = buckets_.size() - 1;
        bytes += size;
    }
}

void GradReducer::adopt_gradients() {
    for (const auto& bucket : buckets_) {
        int64_t elements = 0;
        for (const size_t i : bucket.members) elements += parameters_[i].tensor.numel();
        const auto options = parameters_[bucket.members.front()].tensor.options().requires_grad(false);
        at::Tensor flat = at::zeros({elements}, options);
        int64_t offset = 0;
        for (const size_t i : bucket.members) {
            auto& tensor = parameters_[i].tensor;
            core::check(tensor.is_non_overlapping_and_dense(), parameters_[i].name + " is not dense in memory");
            // The parameter's own strides: a channels-last weight keeps a channels-last gradient, which autograd adds in place.
            tensor.mutable_grad() = at::as_strided(flat, tensor.sizes(), tensor.strides(), offset);
            torch::autograd::impl::set_post_acc_grad_hooks(
                tensor, std::make_unique<ReadyHook>([this, i] { gradient_ready(i); }));
            offset += tensor.numel();
        }
        flat_.push_back(std::move(flat));
    }
}

void GradReducer::zero() {
    for (auto& flat : flat_) flat.zero_();
    reached_.assign(parameters_.size(), false);
}

void GradReducer::arm(bool last) {
    armed_ = last;
    if (!last) return;
    next_launch_ = 0;
    for (auto& bucket : buckets_) bucket.missing = bucket.members.size();
}

void GradReducer::gradient_ready(size_t parameter) {
    reached_[parameter] = true;
    if (!armed_) return;
    Bucket& bucket = buckets_[bucket_of_[parameter]];
    core::check(bucket.missing > 0, parameters_[parameter].name + " received two gradients in one backward");
    --bucket.missing;
    launch_full_buckets(false);
}

/// Buckets go in their order only: collectives of different ranks are matched by order.
void GradReducer::launch_full_buckets(bool all) {
    while (next_launch_ < buckets_.size() && (all || buckets_[next_launch_].missing == 0)) {
        buckets_[next_launch_].work = comm_->all_reduce_sum_async(flat_[next_launch_]);
        ++next_launch_;
    }
}

void GradReducer::wait() {
    core::check(armed_, "wait() without arm(true)");
    armed_ = false;
    launch_full_buckets(true);
    const core::Timer timer;
    for (auto& bucket : buckets_) {
        bucket.work->wait();
        bucket.work.reset();
    }
    exposed_seconds_ += timer.seconds();
    std::vector<std::string> unused;
    for (size_t i = 0; i < parameters_.size(); ++i) {
        if (!reached_[i]) unused.push_back(parameters_[i].name);
    }
    if (!unused.empty())
        throw core::ConfigError(
            core::concat("these parameters took no part in the loss: ", core::join(unused),
                         ".  Use them in the model's forward, or freeze them in the task's phase."));
}

}  // namespace vox::train
