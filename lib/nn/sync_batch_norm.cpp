#include "nn/sync_batch_norm.hpp"

#include <ATen/ops/batch_norm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/csrc/autograd/custom_function.h>

#include "comm/communicator.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "nn/activation_checkpoint.hpp"
#include "nn/channel_ops.hpp"

namespace vox::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Mean and mean squared deviation per channel over all ranks, `[C]` float64, and the number of values per channel.
struct Moments {
    at::Tensor mean;
    at::Tensor variance;
    double count;
};

/// This rank's `[1, 2C+1]`: count, mean, sum of squared deviations.
at::Tensor local_moments(const at::Tensor& x) {
    const int64_t channels = x.size(1);
    const double count = static_cast<double>(x.numel()) / static_cast<double>(channels);
    const auto options = at::TensorOptions(at::kDouble).device(x.device());
    if (x.numel() == 0) return at::zeros({1, 2 * channels + 1}, options);
    // Deviations from one of the channel's own values: squares of large means would cancel.
    const at::Tensor reference = x.select(0, 0).reshape({channels, -1}).select(1, 0).to(at::kDouble).contiguous();
    const at::Tensor sums = channel_sums({}, x, reference);
    const at::Tensor mean = reference + sums[0] / count;
    const at::Tensor squares = sums[1] - sums[0] * sums[0] / count;
    return at::cat({at::full({1}, count, options), mean, squares}).unsqueeze(0);
}

Moments joint_moments(const at::Tensor& x, comm::Communicator* communicator) {
    const int64_t channels = x.size(1);
    at::Tensor parts = local_moments(x);
    if (communicator) parts = communicator->all_gather(parts);
    const at::Tensor counts = parts.slice(1, 0, 1);  // [ranks, 1]
    const at::Tensor means = parts.slice(1, 1, channels + 1);
    const at::Tensor squares = parts.slice(1, channels + 1, 2 * channels + 1);
    const at::Tensor total = counts.sum().clamp_min(1);
    const at::Tensor mean = (counts * means).sum(0) / total;
    const at::Tensor variance = (squares + counts * (means - mean).square()).sum(0) / total;
    return {mean, variance.clamp_min(0), counts.sum().item<double>()};
}

/// Training: y = (x - mean) / sqrt(variance + eps) * weight + bias, where mean and variance are functions of x.
struct Normalise : torch::autograd::Function<Normalise> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                              const at::Tensor& bias, const Moments& moments, double eps,
                              comm::Communicator* communicator) {
        const at::Tensor inverse_std = (moments.variance + eps).rsqrt();
        context->save_for_backward({x, weight});
        context->saved_data["mean"] = moments.mean;
        context->saved_data["inverse_std"] = inverse_std;
        context->saved_data["count"] = moments.count;
        context->saved_data["communicator"] = reinterpret_cast<int64_t>(communicator);
        const at::Tensor slope = inverse_std * weight.to(at::kDouble);
        return channel_affine({}, x, at::stack({at::zeros_like(slope), moments.mean, slope, bias.to(at::kDouble)}));
    }

    static variable_list backward(AutogradContext* context, const variable_list& gradients) {
        core::check(!at::GradMode::is_enabled(), "SyncBatchNorm has no second derivative");
        const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
        const auto saved = context->get_saved_variables();
        const at::Tensor& x = saved[0];
        const at::Tensor mean = context->saved_data["mean"].toTensor();
        const at::Tensor inverse_std = context->saved_data["inverse_std"].toTensor();
        const double count = context->saved_data["count"].toDouble();
        const at::Tensor dy = gradients[0].to(x.scalar_type()).contiguous(x.suggest_memory_format());
        core::check(dy.strides() == x.strides() || x.numel() == 0, "a gradient's layout differs from its activation's");

        const at::Tensor own = channel_sums(dy, x, mean);
        at::Tensor dx;
        if (context->needs_input_grad(0)) {
            const at::Tensor sums = joint_sums(own, context);
            const at::Tensor slope = inverse_std * saved[1].to(at::kDouble);
            const at::Tensor slope_x = slope.neg() * inverse_std * inverse_std * sums[1] / count;
            dx = channel_affine(dy, x, at::stack({slope, mean, slope_x, slope.neg() * sums[0] / count}));
        }
        const auto type = saved[1].scalar_type();
        return {dx, (own[1] * inverse_std).to(type), own[0].to(type), {}, {}, {}};
    }

    /// Over all ranks; `own` stays this rank's.
    static at::Tensor joint_sums(const at::Tensor& own, AutogradContext* context) {
        auto* const communicator = reinterpret_cast<comm::Communicator*>(context->saved_data["communicator"].toInt());
        if (!communicator) return own;
        const at::Tensor sums = own.clone();
        communicator->all_reduce_sum(sums);
        return sums;
    }
};

}  // namespace

SyncBatchNorm::SyncBatchNorm(int64_t channels, comm::Communicator* communicator, double eps, double momentum)
    : communicator_(communicator), eps_(eps), momentum_(momentum) {
    weight_ = register_parameter("weight", at::ones({channels}));
    bias_ = register_parameter("bias", at::zeros({channels}));
    running_mean_ = register_buffer("running_mean", at::zeros({channels}));
    running_var_ = register_buffer("running_var", at::ones({channels}));
    num_batches_tracked_ = register_buffer("num_batches_tracked", at::zeros({}, at::kLong));
}

at::Tensor SyncBatchNorm::forward(const at::Tensor& x) {
    core::check(x.dim() >= 2 && x.size(1) == weight_.size(0),
                core::concat("batch normalisation of ", weight_.size(0), " channels got sizes ", x.sizes()));
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    if (!is_training()) return at::batch_norm(x, weight_, bias_, running_mean_, running_var_, false, 0, eps_, false);
    const at::Tensor dense = dense_channels(x);
    const Moments moments = [&] {
        const at::NoGradGuard no_gradient;
        return joint_moments(dense.detach(), communicator_);
    }();
    if (moments.count == 1) {
        throw core::ConfigError(
            "batch normalisation got one value per channel over all ranks, which has no variance: give a "
            "larger batch or patch, or another norm");
    }
    if (!is_recomputing() && moments.count > 0) track(moments.mean, moments.variance, moments.count);
    return Normalise::apply(dense, weight_, bias_, moments, eps_, communicator_);
}

void SyncBatchNorm::track(const at::Tensor& mean, const at::Tensor& variance, double count) {
    const at::NoGradGuard no_gradient;
    const auto type = running_mean_.scalar_type();
    running_mean_.mul_(1 - momentum_).add_(mean.to(type), momentum_);
    running_var_.mul_(1 - momentum_).add_((variance * (count / (count - 1))).to(type), momentum_);
    num_batches_tracked_.add_(1);
}

}  // namespace vox::nn
