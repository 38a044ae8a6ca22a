#include "nn/residual_unit.hpp"

#include <string>

namespace vox::nn {

ConvUnit::ConvUnit(const Conv3d::Shape& shape, Kind kind, const ModelOptions& options, comm::Communicator* communicator,
                   WeightSource& weights) {
    conv_ = register_module("conv", std::make_shared<Conv3d>(shape, weights));
    if (kind == Kind::convolution_only) return;
    const auto adn = register_module("adn", std::make_shared<torch::nn::Module>());
    norm_ = adn->register_module("N", make_norm(options.norm, shape.out_channels, options.norm_groups, communicator));
    dropout_ = adn->register_module("D", std::make_shared<Dropout>(options.dropout_prob, DropoutKind::element));
    activation_ = adn->register_module("A", std::make_shared<PReLU>());
}

at::Tensor ConvUnit::forward(const at::Tensor& x) const {
    const auto y = conv_->forward(x);
    return norm_ ? activation_->forward(dropout_->forward(norm_->forward(y))) : y;
}

ResidualUnit::ResidualUnit(const Shape& shape, const ModelOptions& options, comm::Communicator* communicator,
                           WeightSource& weights) {
    Conv3d::Shape next{
        .in_channels = shape.in_channels, .out_channels = shape.out_channels, .stride = shape.stride, .bias = true};
    const auto units = register_module("conv", std::make_shared<torch::nn::Module>());
    for (int64_t i = 0; i < shape.units; ++i) {
        const auto kind = i + 1 == shape.units ? shape.last : ConvUnit::Kind::whole;
        units_.push_back(units->register_module(
            "unit" + std::to_string(i), std::make_shared<ConvUnit>(next, kind, options, communicator, weights)));
        next.in_channels = shape.out_channels;
        next.stride = 1;
    }
    if (shape.stride == 1 && shape.in_channels == shape.out_channels) return;
    const Conv3d::Shape fit{.in_channels = shape.in_channels,
                            .out_channels = shape.out_channels,
                            .kernel = shape.stride == 1 ? 1 : 3,
                            .stride = shape.stride,
                            .bias = true};
    shortcut_ = register_module("residual", std::make_shared<Conv3d>(fit, weights));
}

at::Tensor ResidualUnit::forward(const at::Tensor& x) const {
    at::Tensor y = x;
    for (const auto& unit : units_) y = unit->forward(y);
    // In place: neither a convolution nor PReLU needs its output in backward.
    return y.add_(shortcut_ ? shortcut_->forward(x) : x);
}

}  // namespace vox::nn
