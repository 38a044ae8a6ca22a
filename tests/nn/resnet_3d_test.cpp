#include "nn/resnet_3d.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/function.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "nn/resnet_3d_items.hpp"
#include "nn/test_items.hpp"
#include "ops/random_scope.hpp"
#include "ops/random_tensor.hpp"

namespace vox::nn {
namespace {

using testing::HasSubstr;
using Sizes = std::vector<int64_t>;

const ModelContext kContext{.in_channels = 1, .out_channels = 2, .seed = 3};

at::Tensor volumes(uint32_t count, const Sizes& sizes = {1, 18, 20, 16}) {
    Sizes all{count};
    all.insert(all.end(), sizes.begin(), sizes.end());
    return ops::random_uniform_tensor(item_keys(count), ops::Purpose::test_values, 0, all, at::kFloat);
}

double standard_deviation(const at::Tensor& x) { return std::sqrt(x.square().mean().item<double>()); }

TEST(ResNet3d, InitialWeightsAreMonaisDistributionAndAFunctionOfTheSeed) {
    const auto options = narrow_resnet("resnet50");
    const ResNet3d a(options, {.in_channels = 1, .out_channels = 1, .seed = 1}),
        b(options, {.in_channels = 1, .out_channels = 1, .seed = 1}),
        c(options, {.in_channels = 1, .out_channels = 1, .seed = 2});
    const auto of_b = b.named_parameters(), of_c = c.named_parameters();
    for (const auto& item : a.named_parameters()) {
        const auto w = item.value().detach();
        EXPECT_TRUE(at::equal(w, of_b[item.key()])) << item.key();
        if (w.dim() == 1) continue;
        EXPECT_FALSE(at::equal(w, of_c[item.key()])) << item.key();
        const auto count = static_cast<double>(w.numel());
        const double fan_out = count / static_cast<double>(w.size(1)), fan_in = count / static_cast<double>(w.size(0));
        // MONAI: kaiming_normal_(mode="fan_out", nonlinearity="relu"); the last layer as PyTorch makes it.
        const double expected = w.dim() == 5 ? std::sqrt(2 / fan_out) : 1 / std::sqrt(3 * fan_in);
        EXPECT_NEAR(standard_deviation(w) / expected, 1.0, 4 / std::sqrt(2 * count)) << item.key();
        EXPECT_NEAR(w.mean().item<double>() / expected, 0.0, 4 / std::sqrt(count)) << item.key();
    }
}

TEST(ResNet3d, InitialBiasesAndNormalisationsAreMonais) {
    const ResNet3d network(narrow_resnet(), kContext);
    for (const auto& item : network.named_parameters()) {
        const auto w = item.value().detach();
        const auto& name = item.key();
        if (w.dim() != 1) continue;
        if (name.ends_with("downsample.0.bias")) {  // PyTorch's default, fan_in 4 and 6 here
            EXPECT_GT(w.abs().max().item<double>(), 0) << name;
            EXPECT_LE(w.abs().max().item<double>(), 0.5) << name;
        } else {
            EXPECT_TRUE(at::equal(w, at::zeros_like(w) + (name.ends_with("weight") ? 1 : 0))) << name;
        }
    }
}

TEST(ResNet3d, ForwardIsTheHeadOfTheFeatures) {
    const ResNet3d network(narrow_resnet("resnet50"), kContext);
    const at::NoGradGuard no_grad;
    const auto x = volumes(3);
    const auto features = network.features(x);
    EXPECT_EQ(features.sizes().vec(), (Sizes{3, 32}));
    EXPECT_EQ(network.feature_count(), 32);
    EXPECT_TRUE(at::equal(network.forward(x), network.head(features)));
    EXPECT_EQ(network.forward(x).sizes().vec(), (Sizes{3, 2}));
}

TEST(ResNet3d, TellsWhatFilesForFineTuningLack) {
    auto options = narrow_resnet();
    options.tabular.fusion = "film";
    const ResNet3d network(options, kContext, 5);
    for (const auto& item : network.named_parameters()) {
        const bool before =
            item.key().starts_with("conv1") || item.key().starts_with("bn1") || item.key().starts_with("layer");
        EXPECT_NE(ResNet3d::is_of_head(item.key()), before) << item.key();
    }
    EXPECT_EQ(network.named_parameters().keys().back(), "tabular.film.bias");
}

TEST(ResNet3d, AnEmptyBatchHasGradientsOfZero) {
    for (const std::string norm : {"group", "batch", "instance"}) {
        for (const std::string shortcut : {"A", "B"}) {
            for (const bool checkpointing : {false, true}) {
                auto options = narrow_resnet("resnet50");
                options.norm = norm;
                options.shortcut_type = shortcut;
                options.activation_checkpointing = checkpointing;
                options.tabular = {.fusion = "film", .dropout_prob = 0.5};
                const ResNet3d network(options, kContext, 4);
                const ops::RandomScope scope(item_keys(0));
                const auto output = network.forward(at::zeros({0, 1, 9, 10, 8}), at::zeros({0, 4}));
                EXPECT_EQ(output.sizes().vec(), (Sizes{0, 2}));
                output.sum().backward();
                for (const auto& item : network.named_parameters()) {
                    ASSERT_TRUE(item.value().grad().defined()) << norm << " " << item.key();
                    EXPECT_EQ(item.value().grad().abs().max().item<double>(), 0.0) << norm << " " << item.key();
                }
            }
        }
    }
}

TEST(ResNet3d, AnEmptyBatchPassesInEvaluationAndInFloat64) {
    ResNet3d network(narrow_resnet(), kContext);
    network.to(at::kDouble);
    network.eval();
    const auto output = network.forward(at::zeros({0, 1, 5, 4, 3}, at::kDouble));
    EXPECT_EQ(output.sizes().vec(), (Sizes{0, 2}));
    EXPECT_EQ(output.scalar_type(), at::kDouble);
}

TEST(ResNet3d, CheckpointingChangesNoGradientWithDropout) {
    auto options = narrow_resnet("resnet50");
    options.tabular = {.fusion = "concatenation", .dropout_prob = 0.5};
    std::vector<std::vector<at::Tensor>> all;
    for (const bool checkpointing : {false, true}) {
        options.activation_checkpointing = checkpointing;
        ResNet3d network(options, kContext, 4);
        network.to(at::kDouble);
        {
            const ops::RandomScope scope(item_keys(3));
            const auto row =
                ops::random_uniform_tensor(item_keys(3), ops::Purpose::test_values, 1, {3, 4}, at::kDouble);
            network.forward(volumes(3).to(at::kDouble), row).square().mean().backward();
        }
        auto& values = all.emplace_back();
        for (const auto& p : network.parameters()) values.push_back(p.grad());
        for (const auto& b : network.buffers()) values.push_back(b.to(at::kDouble));
    }
    ASSERT_EQ(all[0].size(), all[1].size());
    for (size_t i = 0; i < all[0].size(); ++i) {
        ASSERT_TRUE(all[1][i].defined()) << i;
        EXPECT_TRUE(all[0][i].allclose(all[1][i], 1e-9, 1e-13)) << i;
    }
}

/// Operations that backward goes through.
size_t operations_behind(const at::Tensor& y) {
    std::set<torch::autograd::Node*> seen;
    std::vector<torch::autograd::Node*> open{y.grad_fn().get()};
    while (!open.empty()) {
        auto* node = open.back();
        open.pop_back();
        // A parameter's own node leads nowhere.
        if (node == nullptr || node->num_outputs() == 0 || !seen.insert(node).second) continue;
        for (const auto& edge : node->next_edges()) open.push_back(edge.function.get());
    }
    return seen.size();
}

TEST(ResNet3d, CheckpointingLeavesOneOperationABlock) {
    auto options = narrow_resnet("resnet50");
    EXPECT_GT(operations_behind(ResNet3d(options, kContext).features(volumes(2))), 16U * 9U);
    options.activation_checkpointing = true;
    // The first layers, 16 blocks, the mean.
    EXPECT_EQ(operations_behind(ResNet3d(options, kContext).features(volumes(2))), 18U);
}

TEST(ResNet3d, VolumesOfAnySizePass) {
    ResNet3d network(narrow_resnet(), kContext);
    network.eval();
    for (const Sizes& sizes : {Sizes{1, 1, 1, 1}, Sizes{1, 2, 1, 3}, Sizes{1, 17, 5, 9}}) {
        EXPECT_TRUE(network.forward(volumes(2, sizes)).isfinite().all().item<bool>()) << core::join(sizes);
    }
}

TEST(ResNet3d, WhatDoesNotFitIsNamed) {
    const ResNet3d network(narrow_resnet(), kContext);
    EXPECT_THAT(message([&] { network.forward(at::zeros({1, 2, 8, 8, 8})); }),
                HasSubstr("[1, 2, 8, 8, 8], expected [B, 1, D, H, W]"));
    EXPECT_THROW(network.forward(at::zeros({1, 8, 8, 8})), core::DataError);
    EXPECT_THROW(network.forward(at::zeros({1, 1, 8, 0, 8})), core::DataError);
    EXPECT_THROW(network.forward(volumes(2), at::zeros({2, 3})), core::InternalError);
    // One value a channel has no variance.
    EXPECT_THROW(network.forward(volumes(1, {1, 8, 8, 8})), core::ConfigError);
}

// 64 channels of 256x256x64 are 2^28 values an item.
TEST(ResNet3d, ABatchWhoseTensorsCannotBeAddressedIsRefused) {
    ResNet3dOptions options;
    options.architecture = "resnet10";
    const auto refusal = [&](int64_t items) {
        const ResNet3d network(options, {.in_channels = 1, .out_channels = 1});
        return message([&] { network.features(at::zeros({1, 1, 1, 1, 1}).expand({items, 1, 256, 256, 64})); });
    };
    EXPECT_THAT(refusal(8), HasSubstr("for 8 items of [256, 256, 64] the largest tensor would have 2147483648 values"));
    options.conv1_t_stride = 2;
    EXPECT_THAT(refusal(64), HasSubstr("2147483648 values"));
    options.architecture =
        "resnet50";  // its first stage has 4 times the channels, behind the pooling an eighth of the voxels
    EXPECT_THAT(refusal(64), HasSubstr("2147483648 values"));
    options.no_max_pool = true;
    EXPECT_THAT(refusal(16), HasSubstr("2147483648 values"));
}

TEST(ResNet3d, OptionsThatDoNotFitTogetherAreRefused) {
    auto options = narrow_resnet();
    options.tabular.fusion = "film";
    EXPECT_THAT(message([&] { ResNet3d(options, kContext); }), HasSubstr("there are no columns of a table"));
    EXPECT_THROW(ResNet3d(narrow_resnet(), kContext, 3), core::InternalError);
    options = narrow_resnet();
    options.norm = "group";
    options.norm_groups = 4;
    EXPECT_THAT(message([&] { ResNet3d(options, kContext); }), HasSubstr("norm_groups is 4"));
    options.norm = "sync_batch";
    EXPECT_THROW(ResNet3d(options, kContext), core::InternalError);  // no communicator
}

}  // namespace
}  // namespace vox::nn
