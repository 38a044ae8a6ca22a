#include "nn/fast_ddpm_3d.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/silu.h>

#include <string>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "nn/activation_bytes.hpp"
#include "nn/activation_checkpoint.hpp"
#include "nn/fast_ddpm_3d_plan.hpp"
#include "nn/volume_check.hpp"

namespace vox::nn {
namespace {

std::shared_ptr<torch::nn::Module> add_child(torch::nn::Module& parent, const std::string& name) {
    return parent.register_module(name, std::make_shared<torch::nn::Module>());
}

void append(std::vector<at::Tensor>& all, const std::vector<at::Tensor>& more) {
    all.insert(all.end(), more.begin(), more.end());
}

std::shared_ptr<Conv3d> make_conv(int64_t in_channels, int64_t out_channels, WeightSource& weights) {
    const Conv3d::Shape shape{.in_channels = in_channels, .out_channels = out_channels, .bias = true};
    return std::make_shared<Conv3d>(shape, weights);
}

}  // namespace

at::Tensor FastDdpm3d::Block::forward(const at::Tensor& x, const at::Tensor& time) const {
    const at::Tensor y = residual->forward(x, time);
    return attention ? attention->forward(y) : y;
}

// Children are registered in the order of the published state_dict.
FastDdpm3d::FastDdpm3d(const ModelOptions& options, const ModelContext& context)
    : options_(options), context_(context) {
    if (const auto problem = options.problem(); !problem.empty())
        throw core::ConfigError(core::concat("model: ", problem));
    WeightSource weights(context.seed);
    const int64_t base = options.base_channels;
    time_ = register_module("temb", std::make_shared<TimeEmbedding>(base, 4 * base, weights));
    first_ = register_module("conv_in", make_conv(context.in_channels, base, weights));
    build_levels(weights);
    const int64_t top = base * options.channel_multipliers.front();
    last_norm_ = register_module("norm_out", make_denoising_norm(top, options, context.communicator));
    last_ = register_module("conv_out", make_conv(top, context.out_channels, weights));
}

void FastDdpm3d::build_levels(WeightSource& weights) {
    const auto plan = fast_ddpm_3d_levels(options_);
    const auto down = add_child(*this, "down"), middle = add_child(*this, "mid"), up = add_child(*this, "up");
    levels_.resize(plan.size());
    for (size_t i = 0; i < plan.size(); ++i) {
        const auto& [channels, has_attention, down_inputs, up_inputs] = plan[i];
        const auto parent = add_child(*down, std::to_string(i));
        levels_[i].down = add_blocks(*parent, down_inputs, channels, has_attention, weights);
        if (i + 1 == plan.size()) continue;
        const Conv3d::Shape halve{.in_channels = channels, .out_channels = channels, .stride = 2, .bias = true};
        levels_[i].halve = parent->register_module("downsample", std::make_shared<Convolution>(halve, weights));
    }
    const int64_t deepest = plan.back().channels;
    middle_.resize(2);
    middle_[0].residual = middle->register_module("block_1", make_block(deepest, deepest, weights));
    if (plan.back().has_attention) {
        middle_[0].attention = middle->register_module("attn_1", make_attention(deepest, weights));
    }
    middle_[1].residual = middle->register_module("block_2", make_block(deepest, deepest, weights));
    for (size_t i = 0; i < plan.size(); ++i) {
        const auto& level = plan[i];
        const auto parent = add_child(*up, std::to_string(i));
        levels_[i].up = add_blocks(*parent, level.up_inputs, level.channels, level.has_attention, weights);
        if (i == 0) continue;
        levels_[i].enlarge = parent->register_module("upsample", std::make_shared<DoubleSize>(level.channels, weights));
    }
}

std::vector<FastDdpm3d::Block> FastDdpm3d::add_blocks(torch::nn::Module& parent, const std::vector<int64_t>& inputs,
                                                      int64_t channels, bool has_attention,
                                                      WeightSource& weights) const {
    const auto residuals = add_child(parent, "block"), attentions = add_child(parent, "attn");
    std::vector<Block> blocks(inputs.size());
    for (size_t i = 0; i < inputs.size(); ++i) {
        const auto name = std::to_string(i);
        blocks[i].residual = residuals->register_module(name, make_block(inputs[i], channels, weights));
        if (has_attention) blocks[i].attention = attentions->register_module(name, make_attention(channels, weights));
    }
    return blocks;
}

std::shared_ptr<TimedResBlock> FastDdpm3d::make_block(int64_t in_channels, int64_t out_channels,
                                                      WeightSource& weights) const {
    const TimedResBlock::Shape shape{in_channels, out_channels, 4 * options_.base_channels};
    return std::make_shared<TimedResBlock>(shape, options_, context_.communicator, weights);
}

std::shared_ptr<SelfAttention> FastDdpm3d::make_attention(int64_t channels, WeightSource& weights) const {
    return std::make_shared<SelfAttention>(channels, options_, context_.communicator, weights);
}

at::Tensor FastDdpm3d::forward(const at::Tensor& volume, const at::Tensor& timesteps) {
    check_volume("fast_ddpm_3d", volume, context_.in_channels, size_divisor());
    check_tensor_sizes(options_, volume.sizes().slice(2).vec(), volume.size(0));
    core::check(timesteps.dim() == 1 && timesteps.size(0) == volume.size(0),
                core::concat("fast_ddpm_3d: timesteps have sizes ", timesteps.sizes(), " for ", volume.size(0),
                             " items, expected one an item"));
    const at::Tensor time = time_->forward(timesteps, volume);
    // Convolutions follow the layout of their input; the weights stay as they are stored.
    auto x = first_->forward(options_.channels_last_3d ? volume.contiguous(at::MemoryFormat::ChannelsLast3d) : volume);
    std::vector<at::Tensor> skips{x};
    for (const auto& level : levels_) {
        for (const auto& block : level.down) {
            x = run(block, {x}, time);
            skips.push_back(x);
        }
        if (!level.halve) break;
        x = level.halve->forward(x);
        skips.push_back(x);
    }
    for (const auto& block : middle_) x = run(block, {x}, time);
    return run_last(run_up(x, std::move(skips), time));
}

at::Tensor FastDdpm3d::run_up(const at::Tensor& middle, std::vector<at::Tensor> skips, const at::Tensor& time) const {
    at::Tensor x = middle;
    for (auto level = levels_.rbegin(); level != levels_.rend(); ++level) {
        for (const auto& block : level->up) {
            x = run(block, {std::move(x), std::move(skips.back())}, time);
            skips.pop_back();
        }
        if (!level->enlarge) continue;
        auto& enlarge = *level->enlarge;
        x = options_.activation_checkpointing ? activation_checkpoint(enlarge, x) : enlarge.forward(x);
    }
    return x;
}

at::Tensor FastDdpm3d::run(const Block& block, std::vector<at::Tensor> inputs, const at::Tensor& time) const {
    inputs.push_back(time);
    const BlockFunction work = [&block](const std::vector<at::Tensor>& in) {
        return block.forward(in.size() == 3 ? at::cat({in[0], in[1]}, 1) : in[0], in.back());
    };
    if (!options_.activation_checkpointing) return work(inputs);
    auto parameters = block.residual->parameters();
    if (block.attention) append(parameters, block.attention->parameters());
    return activation_checkpoint(work, inputs, parameters);
}

at::Tensor FastDdpm3d::run_last(const at::Tensor& x) const {
    const BlockFunction work = [this](const std::vector<at::Tensor>& in) {
        return last_->forward(at::silu(last_norm_->forward(in[0])));
    };
    if (!options_.activation_checkpointing) return work({x});
    auto parameters = last_norm_->parameters();
    append(parameters, last_->parameters());
    return activation_checkpoint(work, {x}, parameters);
}

}  // namespace vox::nn
