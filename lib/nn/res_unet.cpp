#include "nn/res_unet.hpp"

#include <ATen/ops/cat.h>

#include <functional>
#include <numeric>

#include "core/error.hpp"
#include "core/text.hpp"
#include "nn/activation_checkpoint.hpp"

namespace vox::nn {
namespace {

std::shared_ptr<torch::nn::Module> add_child(torch::nn::Module& parent, const std::string& name) {
    return parent.register_module(name, std::make_shared<torch::nn::Module>());
}

}  // namespace

ResUNet::ResUNet(const ModelOptions& options, const ModelContext& context) : options_(options), context_(context) {
    if (const auto problem = options.problem(); !problem.empty())
        throw core::ConfigError(core::concat("model: ", problem));
    WeightSource weights(context.seed);
    build_level(*add_child(*this, "model"), 0, context.in_channels, context.out_channels, weights);
}

// Children are registered in the order of MONAI's state_dict, where a level is a sequence of its way down, a skip connection
// that holds the levels below as its `submodule`, and its way up.
void ResUNet::build_level(torch::nn::Module& parent, size_t level, int64_t in_channels, int64_t out_channels,
                          WeightSource& weights) {
    const int64_t channels = options_.channels[level], deeper = options_.channels[level + 1];
    const bool is_last = level + 1 == options_.strides.size();
    down_.push_back(parent.register_module("0", make_unit({.in_channels = in_channels,
                                                           .out_channels = channels,
                                                           .stride = options_.strides[level],
                                                           .units = options_.num_res_units},
                                                          weights)));
    const auto skip = add_child(parent, "1");
    if (is_last) {
        bottom_ = skip->register_module(
            "submodule",
            make_unit({.in_channels = channels, .out_channels = deeper, .units = options_.num_res_units}, weights));
    } else {
        build_level(*add_child(*skip, "submodule"), level + 1, channels, channels, weights);
    }
    const int64_t joined = channels + (is_last ? deeper : channels);
    up_.push_back(build_up(*add_child(parent, "2"), level, joined, out_channels, weights));
}

ResUNet::Up ResUNet::build_up(torch::nn::Module& parent, size_t level, int64_t in_channels, int64_t out_channels,
                              WeightSource& weights) const {
    const Conv3d::Shape enlarge{.in_channels = in_channels,
                                .out_channels = out_channels,
                                .stride = options_.strides[level],
                                .bias = true,
                                .transposed = true};
    // What leaves the network is logits: no normalisation, no activation.
    const auto last = level == 0 ? ConvUnit::Kind::convolution_only : ConvUnit::Kind::whole;
    Up up;
    up.enlarge = parent.register_module(
        "0", std::make_shared<ConvUnit>(enlarge, ConvUnit::Kind::whole, options_, context_.communicator, weights));
    up.refine = parent.register_module(
        "1", make_unit({.in_channels = out_channels, .out_channels = out_channels, .last = last}, weights));
    return up;
}

std::shared_ptr<ResidualUnit> ResUNet::make_unit(ResidualUnit::Shape shape, WeightSource& weights) const {
    return std::make_shared<ResidualUnit>(shape, options_, context_.communicator, weights);
}

int64_t ResUNet::size_divisor() const { return options_.size_divisor(); }

at::Tensor ResUNet::forward(const at::Tensor& volume) {
    check_volume("unet", volume, context_.in_channels);
    // Convolutions follow the layout of their input; the weights stay as they are stored.
    auto x = options_.channels_last_3d ? volume.contiguous(at::MemoryFormat::ChannelsLast3d) : volume;
    std::vector<at::Tensor> skips;
    for (const auto& unit : down_) {
        x = run_down(*unit, x);
        skips.push_back(x);
    }
    x = run_down(*bottom_, x);
    for (const auto& up : up_) {
        x = run_up(up, skips.back(), x);
        skips.pop_back();
    }
    return x;
}

at::Tensor ResUNet::run_down(ResidualUnit& unit, const at::Tensor& x) const {
    return options_.activation_checkpointing ? activation_checkpoint(unit, x) : unit.forward(x);
}

at::Tensor ResUNet::run_up(const Up& up, const at::Tensor& skip, const at::Tensor& below) const {
    const BlockFunction block = [&enlarge = *up.enlarge, &refine = *up.refine](const std::vector<at::Tensor>& in) {
        return refine.forward(enlarge.forward(at::cat(in, 1)));
    };
    if (!options_.activation_checkpointing) return block({skip, below});
    auto parameters = up.enlarge->parameters();
    for (const auto& parameter : up.refine->parameters()) parameters.push_back(parameter);
    return activation_checkpoint(block, {skip, below}, parameters);
}

}  // namespace vox::nn
