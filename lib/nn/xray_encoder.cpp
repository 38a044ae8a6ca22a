#include "nn/xray_encoder.hpp"

#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/max_pool2d.h>

#include <vector>

#include "nn/activation_checkpoint.hpp"

namespace vox::nn {
namespace {

constexpr int64_t kMapPixelsPerToken = 4;  // along each axis

}  // namespace

XrayEncoder::XrayEncoder(const XrayOptions& options, comm::Communicator* communicator, WeightSource& weights) {
    const auto convolution = [&](int64_t in, int64_t out, int64_t kernel, int64_t stride) {
        return std::make_shared<Conv2d>(
            Conv2d::Shape{.in_channels = in, .out_channels = out, .kernel = kernel, .stride = stride}, weights);
    };
    const auto norm = [&](int64_t channels) {
        return make_norm(options.norm, channels, options.norm_groups, communicator);
    };
    conv1_ = register_module("conv1", convolution(1, 64, 7, 2));
    norm1_ = register_module("norm1", norm(64));
    conv2_ = register_module("conv2", convolution(64, 128, 3, 1));
    norm2_ = register_module("norm2", norm(128));
    conv3_ = register_module("conv3", convolution(128, kChannels, 3, 1));
    norm3_ = register_module("norm3", norm(kChannels));
    condition_ = register_module("condition", std::make_shared<Linear>(kChannels, kConditionChannels, weights));
    const int64_t side = options.img_size / (8 * kMapPixelsPerToken);
    view_embedding_ = register_parameter("view_embedding", at::empty({options.num_views, kChannels}));
    place_embedding_ = register_parameter("place_embedding", at::empty({side * side, kChannels}));
    weights.fill(view_embedding_, kChannels);
    weights.fill(place_embedding_, kChannels);
}

at::Tensor XrayEncoder::convolve(const at::Tensor& views) const {
    auto x = at::max_pool2d(norm1_->forward(conv1_->forward(views)).relu_(), {2, 2});
    x = at::max_pool2d(norm2_->forward(conv2_->forward(x)).relu_(), {2, 2});
    return norm3_->forward(conv3_->forward(x)).relu_();
}

XrayFeatures XrayEncoder::forward(const at::Tensor& xrays, bool checkpointing) const {
    const int64_t items = xrays.size(0), views = xrays.size(1);
    const auto each = xrays.reshape({items * views, 1, xrays.size(2), xrays.size(3)});
    const auto run = [this](const std::vector<at::Tensor>& in) { return convolve(in[0]); };
    const auto seen = checkpointing ? activation_checkpoint(run, {each}, parameters()) : convolve(each);
    const auto apart = seen.view({items, views, kChannels, seen.size(2), seen.size(3)});
    const auto maps = apart + view_embedding_.view({1, views, kChannels, 1, 1});
    // Attention over every place of the maps would cost sixteen times as much; their detail reaches the volume by the lifting.
    const auto coarse = at::avg_pool2d(maps.flatten(0, 1), {kMapPixelsPerToken, kMapPixelsPerToken}).flatten(2);
    const auto tokens = coarse.transpose(1, 2) + place_embedding_;  // [B*V,places,512]
    return {.maps = maps,
            .tokens = tokens.reshape({items, views * place_embedding_.size(0), kChannels}),
            .condition = condition_->forward(apart.mean(at::IntArrayRef{1, 3, 4}))};
}

}  // namespace vox::nn
