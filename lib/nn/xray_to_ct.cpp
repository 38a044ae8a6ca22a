#include "nn/xray_to_ct.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/upsample_trilinear3d.h>
#include <ATen/ops/zeros_like.h>

#include <string>

#include "core/error.hpp"
#include "core/text.hpp"
#include "nn/activation_checkpoint.hpp"

namespace vox::nn {

int64_t XrayToCt::items_at_once(int64_t items) {
    constexpr int64_t kParts = 4;
    return items <= 1 ? items : (items + kParts - 1) / kParts;
}

XrayToCt::XrayToCt(const XrayToCtOptions& options, size_t stage, uint64_t seed, comm::Communicator* communicator)
    : xray_(options.xray), follows_(stage > 0), checkpointing_(options.activation_checkpointing) {
    if (const auto problem = options.problem(); !problem.empty()) {
        throw core::ConfigError(core::concat("xray_to_ct: ", problem));
    }
    core::check(stage < static_cast<size_t>(options.num_stages),
                core::concat("stage ", stage, " of a cascade of ", options.num_stages));
    stage_ = options.stages[stage];
    WeightSource weights(seed);
    build(options, communicator, weights);
}

void XrayToCt::build(const XrayToCtOptions& options, comm::Communicator* communicator, WeightSource& weights) {
    constexpr int64_t condition = XrayEncoder::kConditionChannels;
    encoder_ = register_module("xray_encoder", std::make_shared<XrayEncoder>(options.xray, communicator, weights));
    time_ = register_module("time", std::make_shared<LevelEmbedding>(condition, weights));
    if (follows_) {
        previous_noise_ = register_module("previous_noise", std::make_shared<LevelEmbedding>(condition, weights));
    }
    build_volume_path(weights);
    const auto blocks = register_module("blocks", std::make_shared<torch::nn::Module>());
    const VitBlock::Shape shape{.channels = stage_.voxel_dim,
                                .heads = stage_.num_heads,
                                .context_channels = XrayEncoder::kChannels,
                                .condition_channels = condition,
                                .dropout_prob = options.dropout_prob};
    for (int64_t i = 0; i < stage_.vit_depth; ++i) {
        blocks_.push_back(blocks->register_module(std::to_string(i), std::make_shared<VitBlock>(shape, weights)));
    }
    token_norm_ = register_module("token_norm", std::make_shared<LayerNorm>(stage_.voxel_dim));
}

void XrayToCt::build_volume_path(WeightSource& weights) {
    const auto channels = stage_.channels();
    const auto& size = stage_.volume_size;
    const DepthLifting::Shape lifting{.in_channels = XrayEncoder::kChannels,
                                      .num_views = xray_.num_views,
                                      .volume_size = {size[0], size[1], size[2]},
                                      .out_channels = channels[0]};
    lifting_ = register_module("lifting", std::make_shared<DepthLifting>(lifting, weights));
    const Conv3d::Shape first{.in_channels = follows_ ? 2 : 1, .out_channels = channels[0], .bias = true};
    entry_ = register_module("entry", std::make_shared<Conv3d>(first, weights));
    const auto down = register_module("down", std::make_shared<torch::nn::Module>());
    const auto up = register_module("up", std::make_shared<torch::nn::Module>());
    up_.resize(channels.size());
    for (size_t i = 0; i < channels.size(); ++i) {
        const int64_t below = i + 1 < channels.size() ? channels[i + 1] : stage_.voxel_dim;
        const Conv3d::Shape halve{.in_channels = channels[i], .out_channels = below, .stride = 2};
        const FusionBlock::Shape join{
            .in_channels = below, .channels = channels[i], .condition_channels = XrayEncoder::kConditionChannels};
        const auto level = down->register_module(std::to_string(i), std::make_shared<torch::nn::Module>());
        down_.push_back({.conv = level->register_module("conv", std::make_shared<Conv3d>(halve, weights)),
                         .norm = level->register_module("norm", make_norm("group", below, 8, nullptr))});
        up_[channels.size() - 1 - i] =
            up->register_module(std::to_string(i), std::make_shared<FusionBlock>(join, weights));
    }
    const Conv3d::Shape last{.in_channels = channels[0], .out_channels = 1, .bias = true};
    last_ = register_module("last", std::make_shared<Conv3d>(last, weights));
    const auto grid = stage_.token_grid();
    place_embedding_ =
        register_parameter("place_embedding", at::empty({1, grid[0] * grid[1] * grid[2], stage_.voxel_dim}));
    weights.fill(place_embedding_, stage_.voxel_dim);
}

void XrayToCt::check_inputs(const at::Tensor& noisy, const at::Tensor& t, const at::Tensor& xrays,
                            const at::Tensor& previous, const at::Tensor& previous_noise) const {
    core::check(previous.defined() == follows_,
                follows_ ? "xray_to_ct: a stage that follows another needs the volume of that one"
                         : "xray_to_ct: the first stage follows no other, whose volume it was given");
    core::check(follows_ || !previous_noise.defined(), "xray_to_ct: noise of a stage before the first");
    const int64_t items = noisy.dim() > 0 ? noisy.size(0) : 0;
    std::vector<int64_t> volume{items, 1};
    volume.insert(volume.end(), stage_.volume_size.begin(), stage_.volume_size.end());
    const std::vector<int64_t> views{items, xray_.num_views, xray_.img_size, xray_.img_size};
    const auto require = [](const char* what, const at::Tensor& given, const std::vector<int64_t>& expected) {
        if (given.sizes() == at::IntArrayRef(expected)) return;
        throw core::DataError(core::concat("xray_to_ct: ", what, " is [", core::join(given.sizes()), "], expected [",
                                           core::join(expected), "]"));
    };
    require("the volume", noisy, volume);
    require("the X-rays", xrays, views);
    require("the timestep", t, {items});
    if (previous_noise.defined()) require("the noise of the stage before", previous_noise, {items});
    if (follows_ && (previous.dim() != 5 || previous.size(0) != items || previous.size(1) != 1)) {
        throw core::DataError(core::concat("xray_to_ct: the volume of the stage before is [",
                                           core::join(previous.sizes()), "], expected [", items, ", 1, D, H, W]"));
    }
    // Kernels with 32-bit indices cannot address more; the joined values of the last decoder block are the most.
    const int64_t most = 2 * stage_.channels()[0] * noisy.numel();
    if (most >= int64_t{1} << 31) {
        throw core::ConfigError(core::concat("xray_to_ct: the decoder at full size would join ", most,
                                             " values, 2^31 or more: take a smaller micro-batch than ", items,
                                             " items a rank"));
    }
}

at::Tensor XrayToCt::entry(const at::Tensor& noisy, const at::Tensor& previous, const at::Tensor& maps) const {
    const auto lifted = checkpointing_ ? activation_checkpoint(*lifting_, maps) : lifting_->forward(maps);
    if (!follows_) return entry_->forward(noisy).add_(lifted);
    const auto coarse = previous.to(noisy.scalar_type());
    const auto upsampled = at::upsample_trilinear3d(coarse, noisy.sizes().slice(2), /*align_corners=*/false);
    return entry_->forward(at::cat({noisy, upsampled}, 1)).add_(lifted);
}

at::Tensor XrayToCt::transform(const at::Tensor& tokens, const XrayFeatures& seen, const at::Tensor& condition) const {
    at::Tensor x = tokens;
    for (const auto& block : blocks_) {
        const auto run = [&block = *block](const std::vector<at::Tensor>& in) {
            return block.forward(in[0], in[1], in[2]);
        };
        const std::vector<at::Tensor> inputs{x, seen.tokens, condition};
        x = checkpointing_ ? activation_checkpoint(run, inputs, block->parameters()) : run(inputs);
    }
    return token_norm_->forward(x);
}

/// Backward of the largest block takes as much again as all others keep: with checkpointing it goes through a few items at a time,
/// of which no value depends on another's.
at::Tensor XrayToCt::fuse(FusionBlock& block, const at::Tensor& x, const at::Tensor& skip,
                          const at::Tensor& condition) const {
    const auto run = [&block](const std::vector<at::Tensor>& in) { return block.forward(in[0], in[1], in[2]); };
    if (!checkpointing_) return run({x, skip, condition});
    const auto parameters = block.parameters();
    const int64_t most = items_at_once(x.size(0));
    if (most == x.size(0)) return activation_checkpoint(run, {x, skip, condition}, parameters);
    const auto xs = x.split(most), skips = skip.split(most), conditions = condition.split(most);
    std::vector<at::Tensor> parts;
    for (size_t i = 0; i < xs.size(); ++i)
        parts.push_back(activation_checkpoint(run, {xs[i], skips[i], conditions[i]}, parameters));
    return at::cat(parts);
}

at::Tensor XrayToCt::halve(const Level& level, const at::Tensor& x) const {
    const auto run = [&level](const std::vector<at::Tensor>& in) {
        return at::silu(level.norm->forward(level.conv->forward(in[0])));
    };
    if (!checkpointing_) return run({x});
    auto parameters = level.conv->parameters();
    for (const auto& parameter : level.norm->parameters()) parameters.push_back(parameter);
    return activation_checkpoint(run, {x}, parameters);
}

at::Tensor XrayToCt::forward(const at::Tensor& noisy, const at::Tensor& t, const at::Tensor& xrays,
                             const at::Tensor& previous, const at::Tensor& previous_noise) {
    check_inputs(noisy, t, xrays, previous, previous_noise);
    const auto seen = encoder_->forward(xrays, checkpointing_);
    auto condition = seen.condition + time_->forward(t, noisy);
    if (follows_) {
        const auto level = previous_noise.defined() ? previous_noise : at::zeros_like(t);
        condition = condition + previous_noise_->forward(level, noisy);
    }
    auto x = entry(noisy, previous, seen.maps);
    std::vector<at::Tensor> skips;
    for (const auto& level : down_) {
        skips.push_back(x);
        x = halve(level, x);
    }
    const auto grid = x.sizes().vec();  // [B,voxel_dim,d,h,w]
    const auto tokens = transform(x.flatten(2).transpose(1, 2) + place_embedding_, seen, condition);
    x = tokens.transpose(1, 2).reshape(grid);
    for (const auto& block : up_) {
        const auto skip = skips.back();
        x = fuse(*block, x, skip, condition);
        skips.pop_back();
    }
    return last_->forward(x);
}

int64_t XrayToCt::parameter_count() const {
    int64_t count = 0;
    for (const auto& parameter : parameters()) count += parameter.numel();
    return count;
}

}  // namespace vox::nn
