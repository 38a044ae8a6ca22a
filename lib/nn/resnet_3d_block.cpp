#include "nn/resnet_3d_block.hpp"

#include <ATen/ops/constant_pad_nd.h>

#include <string>

namespace vox::nn {

ResNet3dBlock::ResNet3dBlock(const Shape& shape, const ResNet3dOptions& options, comm::Communicator* communicator,
                             WeightSource& weights)
    : stride_(shape.stride) {
    const auto make_norm_of = [&](int64_t channels) {
        return make_norm(options.norm, channels, options.norm_groups, communicator);
    };
    int64_t channels = shape.in_channels;
    const auto add_unit = [&](int64_t out_channels, int64_t kernel, int64_t stride) {
        const Conv3d::Shape conv{.in_channels = channels,
                                 .out_channels = out_channels,
                                 .kernel = kernel,
                                 .stride = stride,
                                 .init_for_relu = true};
        const auto number = std::to_string(units_.size() + 1);
        Unit unit;
        unit.conv = register_module("conv" + number, std::make_shared<Conv3d>(conv, weights));
        unit.norm = register_module("bn" + number, make_norm_of(out_channels));
        units_.push_back(std::move(unit));
        channels = out_channels;
    };
    if (options.is_bottleneck()) {
        add_unit(shape.planes, 1, 1);
        add_unit(shape.planes, 3, shape.stride);
        add_unit(4 * shape.planes, 1, 1);
    } else {
        add_unit(shape.planes, 3, shape.stride);
        add_unit(shape.planes, 3, 1);
    }
    if (shape.stride == 1 && shape.in_channels == channels) return;
    if (options.shortcut_type == "A") {
        more_channels_ = channels - shape.in_channels;
        return;
    }
    const Conv3d::Shape fit{.in_channels = shape.in_channels,
                            .out_channels = channels,
                            .kernel = 1,
                            .stride = shape.stride,
                            .bias = options.bias_downsample,
                            .init_for_relu = true};
    const auto parent = register_module("downsample", std::make_shared<torch::nn::Module>());
    downsample_.conv = parent->register_module("0", std::make_shared<Conv3d>(fit, weights));
    downsample_.norm = parent->register_module("1", make_norm_of(channels));
}

at::Tensor ResNet3dBlock::forward(const at::Tensor& x) const {
    // In place: neither a normalisation nor ReLU needs the value that is overwritten.
    at::Tensor y = units_[0].forward(x);
    for (size_t i = 1; i < units_.size(); ++i) y = units_[i].forward(y.relu_());
    return y.add_(shortcut(x)).relu_();
}

at::Tensor ResNet3dBlock::shortcut(const at::Tensor& x) const {
    if (downsample_.conv) return downsample_.forward(x);
    at::Tensor y = x;
    for (int64_t axis = 2; stride_ > 1 && axis < 5; ++axis) y = y.slice(axis, 0, std::nullopt, stride_);
    return more_channels_ == 0 ? y : at::constant_pad_nd(y, {0, 0, 0, 0, 0, 0, 0, more_channels_}, 0);
}

}  // namespace vox::nn
