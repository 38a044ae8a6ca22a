#include "nn/segresnet.hpp"

#include <ATen/ops/upsample_trilinear3d.h>

#include <string>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "nn/activation_checkpoint.hpp"

namespace vox::nn {
namespace {

std::shared_ptr<torch::nn::Module> add_child(torch::nn::Module& parent, const std::string& name) {
    return parent.register_module(name, std::make_shared<torch::nn::Module>());
}

at::Tensor double_size(const at::Tensor& x) {
    return at::upsample_trilinear3d(x, {2 * x.size(2), 2 * x.size(3), 2 * x.size(4)}, /*align_corners=*/false);
}

}  // namespace

// Children are registered in the order of MONAI's state_dict; a module that holds no parameter there (activation, identity,
// upsampling) is only a gap in the numbering here.
SegResNet::SegResNet(const ModelOptions& options, const ModelContext& context) : options_(options), context_(context) {
    if (const auto problem = options.problem(); !problem.empty())
        throw core::ConfigError(core::concat("model: ", problem));
    WeightSource weights(context.seed);
    const Convolution::Shape shape{.in_channels = context.in_channels, .out_channels = options.init_filters};
    first_ = register_module("convInit", std::make_shared<Convolution>(shape, weights));
    build_encoder(weights);
    build_decoder(weights);
    build_output(weights);
    dropout_ = register_module("dropout", std::make_shared<Dropout>(options.dropout_prob, DropoutKind::channel));
}

void SegResNet::build_encoder(WeightSource& weights) {
    const auto levels = add_child(*this, "down_layers");
    int64_t channels = options_.init_filters;
    for (size_t i = 0; i < options_.blocks_down.size(); ++i) {
        const auto parent = add_child(*levels, std::to_string(i));
        Level level;
        if (i > 0) {
            const Convolution::Shape halve{.in_channels = channels, .out_channels = 2 * channels, .stride = 2};
            level.entry = parent->register_module("0", std::make_shared<Convolution>(halve, weights));
            channels *= 2;
        }
        level.blocks = add_blocks(*parent, 1, options_.blocks_down[i], channels, weights);
        down_.push_back(std::move(level));
    }
}

void SegResNet::build_decoder(WeightSource& weights) {
    const auto levels = add_child(*this, "up_layers");
    const auto samples = add_child(*this, "up_samples");
    int64_t channels = options_.init_filters << options_.blocks_up.size();
    for (size_t i = 0; i < options_.blocks_up.size(); ++i) {
        channels /= 2;
        Level level;
        level.blocks = add_blocks(*add_child(*levels, std::to_string(i)), 0, options_.blocks_up[i], channels, weights);
        const Convolution::Shape reduce{.in_channels = 2 * channels, .out_channels = channels, .kernel = 1};
        const auto parent = add_child(*samples, std::to_string(i));
        level.entry = parent->register_module("0", std::make_shared<Convolution>(reduce, weights));
        up_.push_back(std::move(level));
    }
}

void SegResNet::build_output(WeightSource& weights) {
    const auto parent = add_child(*this, "conv_final");
    const int64_t channels = options_.init_filters;
    last_norm_ =
        parent->register_module("0", make_norm(options_.norm, channels, options_.norm_groups, context_.communicator));
    const Convolution::Shape shape{
        .in_channels = channels, .out_channels = context_.out_channels, .kernel = 1, .bias = true};
    last_ = parent->register_module("2", std::make_shared<Convolution>(shape, weights));
}

std::vector<std::shared_ptr<ResBlock>> SegResNet::add_blocks(torch::nn::Module& parent, int64_t first_name,
                                                             int64_t count, int64_t channels, WeightSource& weights) {
    std::vector<std::shared_ptr<ResBlock>> blocks;
    for (int64_t i = 0; i < count; ++i) {
        auto block = std::make_shared<ResBlock>(channels, options_, context_.communicator, weights);
        blocks.push_back(parent.register_module(std::to_string(first_name + i), std::move(block)));
    }
    return blocks;
}

at::Tensor SegResNet::forward(const at::Tensor& volume) {
    check_volume("segresnet", volume, context_.in_channels);
    // Convolutions follow the layout of their input; the weights stay as they are stored.
    auto x = options_.channels_last_3d ? volume.contiguous(at::MemoryFormat::ChannelsLast3d) : volume;
    x = dropout_->forward(first_->forward(x));
    std::vector<at::Tensor> skips;
    for (const auto& level : down_) {
        if (level.entry) x = level.entry->forward(x);
        x = run_blocks(level, x);
        skips.push_back(x);
    }
    for (size_t i = 0; i < up_.size(); ++i) {
        x = double_size(up_[i].entry->forward(x)) + skips[skips.size() - 2 - i];
        x = run_blocks(up_[i], x);
    }
    return last_->forward(last_norm_->forward(x).relu_());
}

at::Tensor SegResNet::run_blocks(const Level& level, at::Tensor x) const {
    for (const auto& block : level.blocks) {
        x = options_.activation_checkpointing ? activation_checkpoint(*block, x) : block->forward(x);
    }
    return x;
}

}  // namespace vox::nn
