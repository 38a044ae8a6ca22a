#include "nn/res_unet.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "config/section.hpp"
#include "core/error.hpp"
#include "nn/make_model.hpp"
#include "nn/test_items.hpp"
#include "ops/random_scope.hpp"
#include "ops/random_tensor.hpp"
#include "support/read_options.hpp"

namespace vox::nn {
namespace {

using testing::HasSubstr;

ModelOptions narrow(const std::string& norm = "batch") {
    auto options = ModelOptions::of("unet");
    options.channels = {4, 6, 8};
    options.strides = {2, 2};
    options.num_res_units = 2;
    options.norm = norm;
    return options;
}

at::Tensor volumes(uint32_t count) {
    return ops::random_uniform_tensor(item_keys(count), ops::Purpose::test_values, 0, {count, 4, 8, 4, 8}, at::kFloat);
}

TEST(ResUNet, InitialWeightsArePyTorchsDistributionAndAFunctionOfTheSeed) {
    const auto a = make_model(narrow(), {.seed = 1}), b = make_model(narrow(), {.seed = 1}),
               c = make_model(narrow(), {.seed = 2});
    for (const auto& item : a->named_parameters()) {
        const auto w = item.value().detach();
        EXPECT_TRUE(at::equal(w, b->named_parameters()[item.key()])) << item.key();
        if (item.key().ends_with(".A.weight")) {
            EXPECT_EQ(w.item<double>(), 0.25) << item.key();
        }
        if (w.dim() != 5) continue;
        EXPECT_FALSE(at::equal(w, c->named_parameters()[item.key()])) << item.key();
        const double bound = 1 / std::sqrt(static_cast<double>(w.numel() / w.size(0)));
        EXPECT_LE(w.abs().max().item<double>(), bound) << item.key();
        // A uniform number's standard deviation is bound / sqrt(3).
        const double spread = 4 / std::sqrt(static_cast<double>(w.numel()));
        EXPECT_NEAR(w.std().item<double>() * std::sqrt(3.0) / bound, 1.0, spread) << item.key();
        EXPECT_NEAR(w.mean().item<double>() / bound, 0.0, spread) << item.key();
    }
}

TEST(ResUNet, AnEmptyBatchPassesForwardAndBackward) {
    for (const std::string norm : {"batch", "instance"}) {
        for (const bool checkpointing : {false, true}) {
            auto options = narrow(norm);
            options.activation_checkpointing = checkpointing;
            const auto model = make_model(options, {});
            const ops::RandomScope scope(item_keys(0));
            const auto output = model->forward(at::zeros({0, 4, 8, 4, 12}));
            EXPECT_EQ(output.sizes().vec(), (std::vector<int64_t>{0, 3, 8, 4, 12}));
            output.sum().backward();
            for (const auto& item : model->named_parameters()) {
                ASSERT_TRUE(item.value().grad().defined()) << norm << " " << item.key();
                EXPECT_EQ(item.value().grad().abs().max().item<double>(), 0.0) << norm << " " << item.key();
            }
            for (const auto& item : model->named_buffers()) {
                const double start = item.key().ends_with("running_var") ? 1 : 0;
                EXPECT_TRUE(item.value().eq(start).all().item<bool>()) << item.key();
            }
        }
    }
}

TEST(ResUNet, DropoutBelongsToTheItemAndOnlyToTraining) {
    auto options = narrow("instance");  // which does not mix items
    options.dropout_prob = 0.5;
    const auto model = make_model(options, {});
    const auto keys = item_keys(3);
    const auto x = volumes(3);
    const at::NoGradGuard no_grad;
    const auto run = [&](int64_t begin, int64_t count) {
        const ops::RandomScope scope(
            std::span<const ops::RandomKey>(keys).subspan(static_cast<size_t>(begin), static_cast<size_t>(count)));
        return model->forward(x.narrow(0, begin, count));
    };
    const auto joined = run(0, 3);
    EXPECT_TRUE(at::cat({run(0, 1), run(1, 2)}).allclose(joined, 1e-5, 1e-6));
    EXPECT_TRUE(at::equal(run(0, 3), joined));
    model->eval();
    const auto evaluated = model->forward(x);  // needs no scope
    EXPECT_FALSE(evaluated.allclose(joined, 1e-3, 1e-3));
    EXPECT_TRUE(at::equal(evaluated, model->forward(x)));
}

// MONAI's blocks drop single values (nn.Dropout, not Dropout3d) of every normalised volume, before the activation.
TEST(ResUNet, DropoutIsOfSingleValuesBetweenNormalisationAndActivation) {
    const auto options = narrow();
    WeightSource weights(0);
    ConvUnit unit({.in_channels = 1, .out_channels = 64, .bias = true}, ConvUnit::Kind::whole, options, nullptr,
                  weights);
    unit.named_parameters()["adn.N.bias"].detach().fill_(3);
    const auto x = ops::random_uniform_tensor(item_keys(2), ops::Purpose::test_values, 0, {2, 1, 8, 8, 8}, at::kFloat);
    const at::NoGradGuard no_grad;
    const ops::RandomScope scope(item_keys(2));
    const auto dropped = unit.forward(x).eq(0).to(at::kDouble);
    EXPECT_NEAR(dropped.mean().item<double>(), 0.15, 5 * std::sqrt(0.15 * 0.85 / 65536));
    const auto of_channels = dropped.flatten(2).mean(2);
    EXPECT_GT(of_channels.min().item<double>(), 0.05);
    EXPECT_LT(of_channels.max().item<double>(), 0.30);
}

TEST(ResUNet, CheckpointingChangesNoGradientWithDropout) {
    std::vector<std::vector<at::Tensor>> all;
    for (const bool checkpointing : {false, true}) {
        auto options = narrow();
        options.activation_checkpointing = checkpointing;
        const auto model = make_model(options, {.seed = 3});
        model->to(at::kDouble);
        const auto x = volumes(2).to(at::kDouble).requires_grad_();
        at::Tensor output;
        {
            const ops::RandomScope scope(item_keys(2));
            output = model->forward(x);
        }
        output.square().mean().backward();
        auto& values = all.emplace_back(std::vector{output.detach(), x.grad()});
        for (const auto& p : model->parameters()) values.push_back(p.grad());
        for (const auto& b : model->buffers()) values.push_back(b.to(at::kDouble));
    }
    ASSERT_EQ(all[0].size(), all[1].size());
    EXPECT_TRUE(all[0][0].equal(all[1][0]));
    // What a level sends up and down is added in another order.
    for (size_t i = 1; i < all[0].size(); ++i) EXPECT_TRUE(all[0][i].allclose(all[1][i], 1e-10, 1e-14)) << i;
}

// At the bottom of the published network a crop of 32 is one voxel wide, where both layouts have the same strides.
TEST(ResUNet, ChannelsLastChangesNoResultWhereTheBottomIsOneVoxel) {
    std::vector<std::vector<at::Tensor>> all;
    for (const bool channels_last : {false, true}) {
        auto options = narrow();
        options.channels_last_3d = channels_last;
        options.dropout_prob = 0;
        const auto model = make_model(options, {.seed = 3});
        model->to(at::kDouble);
        const auto x = volumes(3).slice(2, 0, 4).slice(4, 0, 4).to(at::kDouble);
        const auto output = model->forward(x);
        output.square().mean().backward();
        auto& values = all.emplace_back(std::vector{output.detach()});
        for (const auto& p : model->parameters()) values.push_back(p.grad());
    }
    for (size_t i = 0; i < all[0].size(); ++i) EXPECT_TRUE(all[0][i].allclose(all[1][i], 1e-9, 1e-12)) << i;
}

TEST(ResUNet, AnInputThatDoesNotFitIsNamed) {
    const auto model = make_model(ModelOptions::of("unet"), {});
    EXPECT_EQ(model->size_divisor(), 32);
    EXPECT_THROW(model->forward(at::zeros({1, 4, 32, 48, 32})), core::DataError);
    EXPECT_THROW(model->forward(at::zeros({1, 3, 32, 32, 32})), core::DataError);
    EXPECT_THAT(message([&] { model->forward(at::zeros({1, 4, 32, 48, 32})); }), HasSubstr("unet: the input is [1, 4"));
    EXPECT_THAT(message([&] { model->forward(at::zeros({1, 4, 32, 48, 32})); }), HasSubstr("multiples of 32"));
}

const auto read = test::read_options<ModelOptions>;

TEST(ResUNetOptions, DefaultsFollowTheName) {
    const auto unet = read("{name: unet}");
    EXPECT_EQ(unet.norm, "batch");
    EXPECT_EQ(unet.dropout_prob, 0.15);
    EXPECT_EQ(read("{name: unet, norm: instance, dropout_prob: 0.3}").norm, "instance");
    EXPECT_EQ(read("{name: unet, norm: instance, dropout_prob: 0.3}").dropout_prob, 0.3);
    EXPECT_EQ(read("{}").norm, "group");
    EXPECT_EQ(read("{}").dropout_prob, 0.2);
    auto document = config::Document::parse("{}", "test.yaml");
    auto root = document.root();
    auto mine = ModelOptions::of("unet");
    mine.dropout_prob = 0.4;
    mine.read(root);  // names no other network
    EXPECT_EQ(mine.dropout_prob, 0.4);
}

TEST(ResUNetOptions, EveryKeyShapesTheNetwork) {
    const auto count = [](const std::string& yaml) { return make_model(read(yaml), {})->parameter_count(); };
    const std::string small = "name: unet, channels: [4, 8], strides: [2]";
    const auto base = count("{" + small + "}");
    EXPECT_NE(count("{name: unet, channels: [4, 6], strides: [2]}"), base);
    EXPECT_NE(count("{" + small + ", num_res_units: 3}"), base);
    EXPECT_NE(count("{name: unet, channels: [4, 8], strides: [1]}"), base);  // a smaller shortcut
    EXPECT_EQ(make_model(read("{name: unet, channels: [4, 8, 8], strides: [2, 3]}"), {})->size_divisor(), 6);
}

TEST(ResUNetOptions, WhatCannotBeBuiltIsNamed) {
    const auto refusal = [](const std::string& keys) { return message([&] { read("{name: unet, " + keys + "}"); }); };
    EXPECT_THAT(refusal("norm: group"), HasSubstr("choose batch, sync_batch or instance"));
    EXPECT_THAT(refusal("strides: [2, 2]"), HasSubstr("strides has 2 levels for the 6 of channels"));
    EXPECT_THAT(refusal("channels: [8], strides: []"), HasSubstr("channels must have 2 to 16"));
    EXPECT_THAT(refusal("channels: [8, 0], strides: [2]"), HasSubstr("channels must hold"));
    EXPECT_THAT(refusal("channels: [8, 8], strides: [0]"), HasSubstr("strides must hold"));
    EXPECT_THAT(refusal("num_res_units: 0"), HasSubstr("num_res_units is 0"));
    EXPECT_THAT(refusal("dropout_prob: 1.0"), HasSubstr("dropout_prob"));
    auto bad = ModelOptions::of("unet");
    bad.norm = "group";
    EXPECT_THROW(make_model(bad, {}), core::ConfigError);
}

// A key that the named network has no use for would change nothing; its default says nothing and passes.
TEST(ResUNetOptions, KeysOfTheOtherNetworkAreRefused) {
    EXPECT_THAT(message([] { read("{name: unet, init_filters: 32}"); }), HasSubstr("init_filters"));
    EXPECT_THAT(message([] { read("{name: unet, norm_groups: 4}"); }), HasSubstr("unet has channels"));
    EXPECT_THAT(message([] { read("{num_res_units: 2}"); }), HasSubstr("segresnet has init_filters"));
    EXPECT_THAT(message([] { read("{channels: [8, 8], strides: [2]}"); }), HasSubstr("channels is of unet"));
    EXPECT_EQ(message([] { read("{name: unet, init_filters: 16, blocks_down: [1, 2, 2, 4]}"); }), "");
    EXPECT_EQ(message([] { read("{num_res_units: 4}"); }), "");
}

}  // namespace
}  // namespace vox::nn
