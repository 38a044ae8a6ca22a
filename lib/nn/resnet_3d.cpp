#include "nn/resnet_3d.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/max_pool3d.h>

#include <algorithm>
#include <string>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "nn/activation_checkpoint.hpp"

namespace vox::nn {
namespace {

/// Values a channel and item after a layer that strides.
int64_t strided_voxels(std::vector<int64_t>& sizes, int64_t stride) {
    int64_t voxels = 1;
    for (auto& n : sizes) {
        n = (n + stride - 1) / stride;
        voxels *= n;
    }
    return voxels;
}

}  // namespace

// Children are registered in the order of MONAI's state_dict; the table's come last.
ResNet3d::ResNet3d(const ResNet3dOptions& options, const ModelContext& context, int64_t table_columns)
    : options_(options), context_(context) {
    if (const auto problem = options.problem(); !problem.empty()) {
        throw core::ConfigError(core::concat("resnet_3d: ", problem));
    }
    if (options.tabular.is_used() && table_columns < 1) {
        throw core::ConfigError(core::concat("resnet_3d: tabular.fusion is ", options.tabular.fusion,
                                             ", but there are no columns of a table to join: choose none"));
    }
    core::check(options.tabular.is_used() || table_columns == 0, "resnet_3d: a table, but tabular.fusion is none");
    WeightSource weights(context.seed);
    const int64_t planes = options.block_inplanes.front();
    const Conv3d::Shape shape{.in_channels = context.in_channels,
                              .out_channels = planes,
                              .kernel = options.conv1_t_size,
                              .stride = options.conv1_t_stride,
                              .init_for_relu = true};
    first_ = register_module("conv1", std::make_shared<Conv3d>(shape, weights));
    first_norm_ = register_module("bn1", make_norm(options.norm, planes, options.norm_groups, context.communicator));
    build_stages(weights);
    if (options.tabular.is_used()) {
        const TabularFusion::Shape both{.features = feature_count(), .columns = table_columns};
        fusion_ = std::make_shared<TabularFusion>(both, options.tabular, weights);
    }
    const int64_t joined = fusion_ ? fusion_->out_features() : feature_count();
    last_ = register_module("fc", std::make_shared<Linear>(joined, context.out_channels, weights));
    if (fusion_) register_module("tabular", fusion_);
    const at::NoGradGuard no_grad;
    last_->named_parameters()["bias"].zero_();
}

void ResNet3d::build_stages(WeightSource& weights) {
    const auto stage_channels = options_.stage_channels();
    int64_t channels = options_.block_inplanes.front();
    for (size_t i = 0; i < stage_channels.size(); ++i) {
        const auto parent = register_module(core::concat("layer", i + 1), std::make_shared<torch::nn::Module>());
        for (int64_t j = 0; j < options_.blocks()[i]; ++j) {
            const ResNet3dBlock::Shape shape{
                .in_channels = channels, .planes = options_.block_inplanes[i], .stride = i > 0 && j == 0 ? 2 : 1};
            auto block = std::make_shared<ResNet3dBlock>(shape, options_, context_.communicator, weights);
            blocks_.push_back(parent->register_module(std::to_string(j), std::move(block)));
            channels = stage_channels[i];
        }
    }
}

at::Tensor ResNet3d::features(const at::Tensor& volume) const {
    check_volume(volume);
    // Convolutions follow the layout of their input; the weights stay as they are stored.
    at::Tensor x = options_.channels_last_3d ? volume.contiguous(at::MemoryFormat::ChannelsLast3d) : volume;
    if (options_.activation_checkpointing) {
        auto parameters = first_->parameters();
        for (const auto& p : first_norm_->parameters()) parameters.push_back(p);
        x = activation_checkpoint([this](const std::vector<at::Tensor>& in) { return first_layers(in[0]); }, {x},
                                  parameters);
    } else {
        x = first_layers(x);
    }
    for (const auto& block : blocks_) {
        x = options_.activation_checkpointing ? activation_checkpoint(*block, x) : block->forward(x);
    }
    return x.mean({2, 3, 4});
}

at::Tensor ResNet3d::first_layers(const at::Tensor& volume) const {
    const auto x = first_norm_->forward(first_->forward(volume)).relu_();
    return options_.no_max_pool ? x : at::max_pool3d(x, {3, 3, 3}, {2, 2, 2}, {1, 1, 1});
}

at::Tensor ResNet3d::head(const at::Tensor& features, const at::Tensor& row) const {
    core::check(row.defined() == (fusion_ != nullptr), "resnet_3d: a table's rows are given where there is a fusion");
    return last_->forward(fusion_ ? fusion_->forward(features, row) : features);
}

at::Tensor ResNet3d::forward(const at::Tensor& volume, const at::Tensor& row) const {
    return head(features(volume), row);
}

void ResNet3d::check_volume(const at::Tensor& volume) const {
    bool fits = volume.dim() == 5 && volume.size(1) == context_.in_channels;
    for (int64_t axis = 2; fits && axis < 5; ++axis) fits = volume.size(axis) > 0;
    if (!fits) {
        throw core::DataError(core::concat("resnet_3d: the input is [", core::join(volume.sizes()), "], expected [B, ",
                                           context_.in_channels, ", D, H, W]"));
    }
    auto sizes = volume.sizes().slice(2).vec();
    int64_t most = strided_voxels(sizes, options_.conv1_t_stride) * options_.block_inplanes.front();
    int64_t voxels = options_.no_max_pool ? most / options_.block_inplanes.front() : strided_voxels(sizes, 2);
    for (const int64_t channels : options_.stage_channels()) {
        most = std::max(most, voxels * channels);
        voxels = strided_voxels(sizes, 2);
    }
    most *= volume.size(0);
    if (most < int64_t{1} << 31) return;
    // Kernels with 32-bit indices cannot address more.
    throw core::ConfigError(core::concat("resnet_3d: for ", volume.size(0), " items of [",
                                         core::join(volume.sizes().slice(2)), "] the largest tensor would have ", most,
                                         " values, 2^31 or more: take a smaller micro-batch or volume, or a larger "
                                         "conv1_t_stride"));
}

int64_t ResNet3d::parameter_count() const {
    int64_t count = 0;
    for (const auto& parameter : parameters()) count += parameter.numel();
    return count;
}

bool ResNet3d::is_of_head(const std::string& name) { return name.starts_with("fc.") || name.starts_with("tabular."); }

}  // namespace vox::nn
