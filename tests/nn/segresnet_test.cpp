#include "nn/segresnet.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "nn/make_model.hpp"
#include "nn/test_items.hpp"
#include "ops/random_scope.hpp"
#include "ops/random_tensor.hpp"
#include "support/read_options.hpp"

namespace vox::nn {
namespace {

using testing::HasSubstr;

ModelOptions narrow() {
    ModelOptions options;
    options.init_filters = 8;
    options.blocks_down = {1, 1};
    options.blocks_up = {1};
    return options;
}

at::Tensor volumes(uint32_t count) {
    return ops::random_uniform_tensor(item_keys(count), ops::Purpose::test_values, 0, {count, 4, 4, 6, 4}, at::kFloat);
}

TEST(SegResNet, InitialWeightsArePyTorchsDistributionAndAFunctionOfTheSeed) {
    const auto a = make_model(narrow(), {.seed = 1}), b = make_model(narrow(), {.seed = 1}),
               c = make_model(narrow(), {.seed = 2});
    for (const auto& item : a->named_parameters()) {
        const auto w = item.value().detach();
        EXPECT_TRUE(at::equal(w, b->named_parameters()[item.key()])) << item.key();
        if (!item.key().ends_with("conv.weight")) continue;
        EXPECT_FALSE(at::equal(w, c->named_parameters()[item.key()])) << item.key();
        const double bound = 1 / std::sqrt(static_cast<double>(w.numel() / w.size(0)));
        EXPECT_LE(w.abs().max().item<double>(), bound) << item.key();
        EXPECT_GE(w.abs().max().item<double>(), 0.9 * bound) << item.key();
        // A uniform number's standard deviation is bound / sqrt(3); 24 weights are the fewest here.
        const double spread = 4 / std::sqrt(static_cast<double>(w.numel()));
        EXPECT_NEAR(w.std().item<double>() * std::sqrt(3.0) / bound, 1.0, spread) << item.key();
        EXPECT_NEAR(w.mean().item<double>() / bound, 0.0, spread) << item.key();
    }
}

TEST(SegResNet, NoTwoTensorsStartWithTheSameNumbers) {
    const auto model = make_model(narrow(), {});
    const auto parameters = model->named_parameters();
    EXPECT_FALSE(
        at::equal(parameters["down_layers.0.1.conv1.conv.weight"], parameters["down_layers.0.1.conv2.conv.weight"]));
    EXPECT_FALSE(
        at::equal(parameters["down_layers.0.1.conv1.conv.weight"], parameters["up_layers.0.0.conv1.conv.weight"]));
}

TEST(SegResNet, AnEmptyBatchPassesForwardAndBackward) {
    for (const std::string norm : {"group", "instance", "batch"}) {
        for (const bool checkpointing : {false, true}) {
            auto options = narrow();
            options.norm = norm;
            options.activation_checkpointing = checkpointing;
            const auto model = make_model(options, {});
            const ops::RandomScope scope(item_keys(0));
            const auto output = model->forward(at::zeros({0, 4, 8, 4, 6}));
            EXPECT_EQ(output.sizes().vec(), (std::vector<int64_t>{0, 3, 8, 4, 6}));
            output.sum().backward();
            for (const auto& item : model->named_parameters()) {
                ASSERT_TRUE(item.value().grad().defined()) << norm << " " << item.key();
                EXPECT_EQ(item.value().grad().abs().max().item<double>(), 0.0) << norm << " " << item.key();
            }
        }
    }
}

TEST(SegResNet, DropoutBelongsToTheItemAndOnlyToTraining) {
    auto options = narrow();
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
    EXPECT_FALSE(run(0, 1).allclose(run(1, 1)));
    model->eval();
    const auto evaluated = model->forward(x);  // needs no scope
    EXPECT_FALSE(evaluated.allclose(joined, 1e-3, 1e-3));
    EXPECT_TRUE(at::equal(evaluated, model->forward(x)));
}

TEST(SegResNet, CheckpointingChangesNoGradientWithDropout) {
    auto options = narrow();
    options.norm = "batch";
    std::vector<std::vector<at::Tensor>> all;
    for (const bool checkpointing : {false, true}) {
        options.activation_checkpointing = checkpointing;
        const auto model = make_model(options, {.seed = 3});
        model->to(at::kDouble);
        {
            const ops::RandomScope scope(item_keys(2));
            const auto output = model->forward(volumes(2).to(at::kDouble));
            (output * output).mean().backward();
        }
        auto& values = all.emplace_back();
        for (const auto& p : model->parameters()) values.push_back(p.grad());
        for (const auto& b : model->buffers()) values.push_back(b.to(at::kDouble));
    }
    for (size_t i = 0; i < all[0].size(); ++i) EXPECT_TRUE(all[0][i].allclose(all[1][i], 1e-10, 1e-14)) << i;
}

TEST(SegResNet, AnInputThatDoesNotFitIsNamed) {
    const auto model = make_model({}, {});
    EXPECT_EQ(model->size_divisor(), 8);
    EXPECT_THROW(model->forward(at::zeros({1, 4, 8, 12, 8})), core::DataError);
    EXPECT_THROW(model->forward(at::zeros({1, 3, 8, 8, 8})), core::DataError);
    EXPECT_THROW(model->forward(at::zeros({4, 8, 8, 8})), core::DataError);
    EXPECT_THAT(message([&] { model->forward(at::zeros({1, 4, 8, 12, 8})); }), HasSubstr("multiples of 8"));
    EXPECT_THAT(message([&] { model->forward(at::zeros({1, 4, 8, 12, 8})); }), HasSubstr("1, 4, 8, 12, 8"));
}

const auto read = test::read_options<ModelOptions>;

TEST(ModelOptions, EveryKeyArrives) {
    const auto o = read(
        "{name: segresnet, init_filters: 12, blocks_down: [1, 2], blocks_up: [3], norm: instance, norm_groups: 4, "
        "dropout_prob: 0.25, activation_checkpointing: true, channels_last_3d: true}");
    EXPECT_EQ(o.init_filters, 12);
    EXPECT_EQ(o.blocks_down, (std::vector<int64_t>{1, 2}));
    EXPECT_EQ(o.blocks_up, (std::vector<int64_t>{3}));
    EXPECT_EQ(o.norm, "instance");
    EXPECT_EQ(o.norm_groups, 4);
    EXPECT_EQ(o.dropout_prob, 0.25);
    EXPECT_TRUE(o.activation_checkpointing && o.channels_last_3d);
}

TEST(ModelOptions, WhatCannotBeBuiltIsNamed) {
    EXPECT_THAT(message([] { read("{init_filters: 12}"); }), HasSubstr("norm_groups is 8"));
    EXPECT_THAT(message([] { read("{blocks_up: [1]}"); }), HasSubstr("blocks_up has 1"));
    EXPECT_THAT(message([] { read("{dropout_prob: 1.0}"); }), HasSubstr("dropout_prob"));
    EXPECT_THROW(read("{norm: grup}"), core::ConfigError);
    ModelOptions unknown;
    unknown.name = "vnet";
    EXPECT_THAT(message([&] { make_model(unknown, {}); }), HasSubstr("there are: segresnet, unet"));
    auto bad = narrow();
    bad.norm_groups = 3;
    EXPECT_THROW(make_model(bad, {}), core::ConfigError);
}

}  // namespace
}  // namespace vox::nn
