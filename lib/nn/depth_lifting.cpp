#include "nn/depth_lifting.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/zeros.h>

#include <string>
#include <utility>

namespace vox::nn {
namespace {

constexpr double kFirstBorder = 0.25, kSecondBorder = 0.75;  // of the ranges, as shares of the depth
constexpr double kBorderWidth = 0.05;  // of the sigmoids between them

std::shared_ptr<Conv2d> make_conv(int64_t in, int64_t out, int64_t kernel, bool bias, WeightSource& weights) {
    return std::make_shared<Conv2d>(
        Conv2d::Shape{.in_channels = in, .out_channels = out, .kernel = kernel, .bias = bias}, weights);
}

}  // namespace

at::Tensor depth_prior(const at::Tensor& gains, int64_t depths) {
    const auto options = at::TensorOptions(at::kDouble).device(gains.device());
    const auto place = (at::arange(depths, options) + 0.5) / static_cast<double>(depths);
    const auto past_first = at::sigmoid((place - kFirstBorder) / kBorderWidth);
    const auto past_second = at::sigmoid((place - kSecondBorder) / kBorderWidth);
    const auto ranges =
        at::stack({1 - past_first, past_first - past_second, past_second});  // their sum is 1 everywhere
    return (at::sigmoid(gains).unsqueeze(1) * ranges.to(gains.scalar_type())).sum(0);
}

at::Tensor depth_distribution(const at::Tensor& logits, const at::Tensor& prior) {
    // The logarithm of the prior among the logits is the product, made to sum to 1 again, and cannot come to 0 / 0.
    return at::softmax(logits + prior.log().view({1, prior.size(0), 1, 1}), 1);
}

at::Tensor lift(const at::Tensor& maps, const at::Tensor& distribution, ops::View view) {
    const auto values = maps.flip({2, 3});  // [B,C,D,H or W]
    const auto shares = distribution.flip({1, 2, 3});  // [B,W or H,D,H or W]
    if (view == ops::View::ap) return values.unsqueeze(3) * shares.permute({0, 2, 1, 3}).unsqueeze(1);
    return values.unsqueeze(4) * shares.permute({0, 2, 3, 1}).unsqueeze(1);
}

DepthLifting::DepthLifting(const Shape& shape, WeightSource& weights) : shape_(shape) {
    conv1_ = register_module("conv1", make_conv(shape.in_channels, 256, 3, false, weights));
    norm1_ = register_module("norm1", make_norm("group", 256, 8, nullptr));
    conv2_ = register_module("conv2", make_conv(256, 128, 3, false, weights));
    norm2_ = register_module("norm2", make_norm("group", 128, 8, nullptr));
    // A convolution 1x1x1 after the lifting would be the same function: the shares are those of all channels.
    values_ = register_module("values", make_conv(shape.in_channels, shape.out_channels, 1, false, weights));
    const std::array kinds{ops::View::ap, ops::View::lateral};
    for (size_t i = 0; i < static_cast<size_t>(shape.num_views); ++i) {
        const int64_t depths = kinds[i] == ops::View::ap ? shape.volume_size[1] : shape.volume_size[2];
        const auto parent = register_module(ops::view_name(kinds[i]), std::make_shared<torch::nn::Module>());
        views_.push_back({.view = kinds[i],
                          .head = parent->register_module("head", make_conv(128, depths, 1, true, weights)),
                          .gains = parent->register_parameter("gains", at::zeros({3}))});
    }
}

at::Tensor DepthLifting::lift_view(const View& view, const at::Tensor& maps) const {
    const auto& [depth, height, width] = shape_.volume_size;
    const std::array plane{depth, view.view == ops::View::ap ? width : height};
    const int64_t depths = view.view == ops::View::ap ? height : width;
    auto x = at::silu(norm1_->forward(conv1_->forward(maps)));
    x = view.head->forward(at::silu(norm2_->forward(conv2_->forward(x))));
    // Interpolated last: of shares that sum to 1 the interpolated ones do too.
    const auto shares = depth_distribution(x, depth_prior(view.gains, depths));
    const auto distribution = at::upsample_bilinear2d(shares, plane, /*align_corners=*/false);
    const auto values = at::upsample_bilinear2d(values_->forward(maps), plane, /*align_corners=*/false);
    return lift(values * static_cast<double>(depths), distribution, view.view);
}

at::Tensor DepthLifting::forward(const at::Tensor& maps) const {
    at::Tensor sum;
    for (size_t i = 0; i < views_.size(); ++i) {
        const auto lifted = lift_view(views_[i], maps.select(1, static_cast<int64_t>(i)));
        sum = sum.defined() ? sum + lifted : lifted;
    }
    return sum;
}

}  // namespace vox::nn
