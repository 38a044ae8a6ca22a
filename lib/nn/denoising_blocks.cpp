#include "nn/denoising_blocks.hpp"

#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/upsample_nearest3d.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

namespace vox::nn {
namespace {

std::shared_ptr<Conv3d> make_conv(int64_t in_channels, int64_t out_channels, int64_t kernel, WeightSource& weights) {
    const Conv3d::Shape shape{.in_channels = in_channels, .out_channels = out_channels, .kernel = kernel, .bias = true};
    return std::make_shared<Conv3d>(shape, weights);
}

}  // namespace

std::shared_ptr<Norm> make_denoising_norm(int64_t channels, const ModelOptions& options,
                                          comm::Communicator* communicator) {
    return make_norm(options.norm, channels, options.norm_groups, communicator, /*eps=*/1e-6);
}

TimedResBlock::TimedResBlock(const Shape& shape, const ModelOptions& options, comm::Communicator* communicator,
                             WeightSource& weights) {
    const int64_t in = shape.in_channels, out = shape.out_channels;
    norm1_ = register_module("norm1", make_denoising_norm(in, options, communicator));
    conv1_ = register_module("conv1", make_conv(in, out, 3, weights));
    time_ = register_module("temb_proj", std::make_shared<Linear>(shape.time_channels, out, weights));
    norm2_ = register_module("norm2", make_denoising_norm(out, options, communicator));
    dropout_ = register_module("dropout", std::make_shared<Dropout>(options.dropout_prob, DropoutKind::element));
    conv2_ = register_module("conv2", make_conv(out, out, 3, weights));
    if (in != out) shortcut_ = register_module("nin_shortcut", make_conv(in, out, 1, weights));
}

at::Tensor TimedResBlock::forward(const at::Tensor& x, const at::Tensor& time) const {
    // In place where autograd does not need the value that is overwritten: a convolution's output.
    auto y = conv1_->forward(at::silu(norm1_->forward(x)));
    y.add_(time_->forward(time).view({x.size(0), y.size(1), 1, 1, 1}));
    y = conv2_->forward(dropout_->forward(at::silu(norm2_->forward(y))));
    return y.add_(shortcut_ ? shortcut_->forward(x) : x);
}

SelfAttention::SelfAttention(int64_t channels, const ModelOptions& options, comm::Communicator* communicator,
                             WeightSource& weights) {
    norm_ = register_module("norm", make_denoising_norm(channels, options, communicator));
    q_ = register_module("q", make_conv(channels, channels, 1, weights));
    k_ = register_module("k", make_conv(channels, channels, 1, weights));
    v_ = register_module("v", make_conv(channels, channels, 1, weights));
    out_ = register_module("proj_out", make_conv(channels, channels, 1, weights));
}

at::Tensor SelfAttention::forward(const at::Tensor& x) const {
    const at::Tensor y = norm_->forward(x);
    // [B,C,D,H,W] -> [B,1,voxels,C], with the channel as the fastest axis: else ATen falls back to the whole matrix.
    const auto tokens = [&](const Conv3d& projection) {
        return projection.forward(y).flatten(2).transpose(1, 2).contiguous().unsqueeze(1);
    };
    const at::Tensor seen = at::scaled_dot_product_attention(tokens(*q_), tokens(*k_), tokens(*v_));
    const at::Tensor back = seen.squeeze(1).transpose(1, 2).reshape(x.sizes());
    return out_->forward(back.contiguous(x.suggest_memory_format())).add_(x);
}

DoubleSize::DoubleSize(int64_t channels, WeightSource& weights) {
    conv_ = register_module("conv", make_conv(channels, channels, 3, weights));
}

at::Tensor DoubleSize::forward(const at::Tensor& x) const {
    const auto large =
        [&] {  // autocast would make it float32 on a GPU; copies of values need no more bits than they have
            const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
            return at::upsample_nearest3d(x, {2 * x.size(2), 2 * x.size(3), 2 * x.size(4)});
        };
    return conv_->forward(large());
}

}  // namespace vox::nn
