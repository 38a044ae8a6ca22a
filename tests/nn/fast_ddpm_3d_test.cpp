#include "nn/fast_ddpm_3d.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
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

ModelOptions narrow(const std::string& norm = "group") {
    auto options = ModelOptions::of("fast_ddpm_3d");
    options.base_channels = 8;
    options.channel_multipliers = {1, 2};
    options.num_res_blocks = 1;
    options.attention_levels = {1};
    options.norm = norm;
    if (norm == "group") options.norm_groups = 4;
    return options;
}

std::shared_ptr<DenoisingModel> make(const ModelOptions& options, uint64_t seed = 0) {
    return make_denoising_model(options, {.in_channels = 4, .out_channels = 1, .seed = seed});
}

at::Tensor volumes(uint32_t count) {
    return ops::random_uniform_tensor(item_keys(count), ops::Purpose::test_values, 0, {count, 4, 4, 6, 4}, at::kFloat);
}

at::Tensor steps(const std::vector<int64_t>& values) { return at::tensor(values, at::kLong); }

TEST(FastDdpm3d, InitialWeightsArePyTorchsDistributionAndAFunctionOfTheSeed) {
    const auto a = make(narrow(), 1), b = make(narrow(), 1), c = make(narrow(), 2);
    for (const auto& item : a->named_parameters()) {
        const auto w = item.value().detach();
        EXPECT_TRUE(at::equal(w, b->named_parameters()[item.key()])) << item.key();
        if (w.dim() == 1) continue;
        EXPECT_FALSE(at::equal(w, c->named_parameters()[item.key()])) << item.key();
        const double bound = 1 / std::sqrt(static_cast<double>(w.numel() / w.size(0)));
        EXPECT_LE(w.abs().max().item<double>(), bound) << item.key();
        // A uniform number's standard deviation is bound / sqrt(3).
        const double spread = 4 / std::sqrt(static_cast<double>(w.numel()));
        EXPECT_NEAR(w.std().item<double>() * std::sqrt(3.0) / bound, 1.0, spread) << item.key();
        EXPECT_NEAR(w.mean().item<double>() / bound, 0.0, spread) << item.key();
    }
    const auto parameters = a->named_parameters();
    EXPECT_GT(parameters["conv_out.weight"].abs().max().item<double>(), 0.06);  // not zero, as some begin
    EXPECT_LE(parameters["temb.dense.1.bias"].abs().max().item<double>(), 1 / std::sqrt(32.0));
    EXPECT_FALSE(at::equal(parameters["mid.block_1.conv1.weight"], parameters["mid.block_2.conv1.weight"]));
}

TEST(FastDdpm3d, AnEmptyBatchPassesForwardAndBackward) {
    for (const std::string norm : {"group", "instance", "batch"}) {
        for (const bool checkpointing : {false, true}) {
            auto options = narrow(norm);
            options.activation_checkpointing = checkpointing;
            const auto model = make(options);
            const ops::RandomScope scope(item_keys(0));
            const auto output = model->forward(at::zeros({0, 4, 8, 4, 6}), steps({}));
            EXPECT_EQ(output.sizes().vec(), (std::vector<int64_t>{0, 1, 8, 4, 6}));
            output.sum().backward();
            for (const auto& item : model->named_parameters()) {
                ASSERT_TRUE(item.value().grad().defined()) << norm << " " << item.key();
                EXPECT_EQ(item.value().grad().abs().max().item<double>(), 0.0) << norm << " " << item.key();
            }
        }
    }
}

TEST(FastDdpm3d, EachItemSeesItsOwnTimestep) {
    const auto model = make(narrow());
    model->eval();
    const at::NoGradGuard no_grad;
    const auto x = volumes(1).expand({3, 4, 4, 6, 4}).contiguous();
    const auto y = model->forward(x, steps({0, 999, 0}));
    EXPECT_TRUE(y[0].allclose(y[2], 1e-5, 1e-6));
    EXPECT_GT((y[0] - y[1]).norm().item<double>(), 0.01 * y[0].norm().item<double>());
    EXPECT_GT((y[0] - model->forward(x, steps({1, 1, 1}))[0]).norm().item<double>(), 1e-3 * y[0].norm().item<double>());
}

TEST(FastDdpm3d, DropoutBelongsToTheItemAndOnlyToTraining) {
    auto options = narrow();
    options.dropout_prob = 0.5;
    const auto model = make(options);
    const auto keys = item_keys(3);
    const auto x = volumes(3);
    const auto t = steps({5, 100, 700});
    const at::NoGradGuard no_grad;
    const auto run = [&](int64_t begin, int64_t count) {
        const ops::RandomScope scope(
            std::span<const ops::RandomKey>(keys).subspan(static_cast<size_t>(begin), static_cast<size_t>(count)));
        return model->forward(x.narrow(0, begin, count), t.narrow(0, begin, count));
    };
    const auto joined = run(0, 3);
    EXPECT_TRUE(at::cat({run(0, 1), run(1, 2)}).allclose(joined, 1e-4, 1e-5));
    EXPECT_TRUE(at::equal(run(0, 3), joined));
    EXPECT_THROW(model->forward(x, t), core::InternalError);  // outside of a scope
    model->eval();
    const auto evaluated = model->forward(x, t);
    EXPECT_FALSE(evaluated.allclose(joined, 1e-3, 1e-3));
    EXPECT_TRUE(at::equal(evaluated, model->forward(x, t)));
}

TEST(FastDdpm3d, DropoutIsOfSingleValues) {
    auto options = narrow();
    options.dropout_prob = 0.1;
    WeightSource weights(0);
    TimedResBlock block({.in_channels = 4, .out_channels = 64, .time_channels = 8}, options, nullptr, weights);
    // conv2 takes the middle value of each channel alone, and its input is 3 / (1 + exp(-3)) everywhere before dropout.
    auto parameters = block.named_parameters();
    for (const auto& item : parameters) item.value().detach().zero_();
    parameters["norm2.bias"].detach().fill_(3);
    for (int64_t c = 0; c < 64; ++c) parameters["conv2.weight"].detach()[c][c][1][1][1] = 1;
    const at::NoGradGuard no_grad;
    const ops::RandomScope scope(item_keys(2));
    const auto y = block.forward(at::zeros({2, 4, 8, 8, 8}), at::zeros({2, 8}));
    const auto dropped = y.eq(0).to(at::kDouble);
    EXPECT_NEAR(dropped.mean().item<double>(), 0.1, 5 * std::sqrt(0.1 * 0.9 / 65536));
    EXPECT_GT(dropped.flatten(2).mean(2).min().item<double>(), 0.03);
    EXPECT_LT(dropped.flatten(2).mean(2).max().item<double>(), 0.2);
    EXPECT_NEAR(y.max().item<double>(), 3 / (1 + std::exp(-3.0)) / 0.9, 1e-5);
}

TEST(FastDdpm3d, CheckpointingChangesNoGradientWithDropout) {
    for (const std::string norm : {"group", "batch"}) {
        std::vector<std::vector<at::Tensor>> all;
        for (const bool checkpointing : {false, true}) {
            auto options = narrow(norm);
            options.attention_levels = {0, 1};
            options.activation_checkpointing = checkpointing;
            const auto model = make(options, 3);
            model->to(at::kDouble);
            const auto x = volumes(2).to(at::kDouble).requires_grad_();
            at::Tensor output;
            {
                const ops::RandomScope scope(item_keys(2));
                output = model->forward(x, steps({3, 900}));
            }
            output.square().mean().backward();
            auto& values = all.emplace_back(std::vector{output.detach(), x.grad()});
            for (const auto& p : model->parameters()) values.push_back(p.grad());
            for (const auto& b : model->buffers()) values.push_back(b.to(at::kDouble));
        }
        EXPECT_TRUE(all[0][0].equal(all[1][0]));
        for (size_t i = 0; i < all[0].size(); ++i) {
            EXPECT_TRUE(all[0][i].allclose(all[1][i], 1e-9, 1e-12)) << norm << i;
        }
    }
}

TEST(FastDdpm3d, AnInputThatDoesNotFitIsNamed) {
    const auto model = make(ModelOptions::of("fast_ddpm_3d"));
    EXPECT_EQ(model->size_divisor(), 4);
    const auto refusal = [&](at::IntArrayRef sizes) {
        return message([&] { model->forward(at::zeros(sizes), steps({1})); });
    };
    EXPECT_THAT(refusal({1, 4, 8, 6, 8}), HasSubstr("fast_ddpm_3d: the input is [1, 4, 8, 6, 8]"));
    EXPECT_THAT(refusal({1, 4, 8, 6, 8}), HasSubstr("multiples of 4"));
    EXPECT_THAT(refusal({1, 3, 8, 8, 8}), HasSubstr("expected [B, 4"));
    EXPECT_THROW(model->forward(at::zeros({2, 4, 4, 4, 4}), steps({1})), core::InternalError);
}

TEST(MakeDenoisingModel, EachNameIsOfOneKind) {
    const auto refusal = [](const std::string& name) {
        return message([&] { make_model(ModelOptions::of(name), {}); });
    };
    EXPECT_THAT(refusal("fast_ddpm_3d"), HasSubstr("fast_ddpm_3d is a network of diffusions"));
    EXPECT_THAT(refusal("fast_ddpm_3d"), HasSubstr("it trains: segresnet, unet"));
    const auto denoising = [](const std::string& name) {
        return message([&] { make_denoising_model(ModelOptions::of(name), {}); });
    };
    EXPECT_THAT(denoising("unet"), HasSubstr("unet is a network that is told no timestep"));
    EXPECT_THAT(denoising("unet"), HasSubstr("it trains: fast_ddpm_3d"));
    EXPECT_THAT(denoising("vnet"), HasSubstr("there is no network 'vnet'; there are: fast_ddpm_3d"));
}

const auto read = test::read_options<ModelOptions>;

TEST(FastDdpm3dOptions, DefaultsFollowTheName) {
    const auto options = read("{name: fast_ddpm_3d}");
    EXPECT_EQ(options.norm, "group");
    EXPECT_EQ(options.norm_groups, 32);
    EXPECT_EQ(options.dropout_prob, 0.1);
    EXPECT_EQ(options.size_divisor(), 4);
    EXPECT_EQ(read("{name: fast_ddpm_3d, norm: sync_batch}").norm, "sync_batch");
}

TEST(FastDdpm3dOptions, EachKeyShapesTheNetwork) {
    const auto count = [](const std::string& keys) {
        const auto model = make(read("{name: fast_ddpm_3d, " + keys + "}"));
        int64_t sum = 0;
        for (const auto& p : model->parameters()) sum += p.numel();
        return sum;
    };
    const std::string small = "norm_groups: 4, ";
    const auto base = count(small + "base_channels: 8, channel_multipliers: [1, 2], num_res_blocks: 1");
    EXPECT_NE(count(small + "base_channels: 12, channel_multipliers: [1, 2], num_res_blocks: 1"), base);
    EXPECT_NE(count(small + "base_channels: 8, channel_multipliers: [1, 3], num_res_blocks: 1"), base);
    EXPECT_NE(count(small + "base_channels: 8, channel_multipliers: [1, 2], num_res_blocks: 2"), base);
    // At full size the one block of the encoder and the two of the decoder end in it: a norm and four convolutions 1x1x1 each.
    EXPECT_EQ(count(small + "base_channels: 8, channel_multipliers: [1, 2], num_res_blocks: 1, attention_levels: [0]"),
              base + 3 * (2 * 8 + 4 * (8 * 8 + 8)));
    // At the deepest level the middle has one too.
    EXPECT_EQ(count(small + "base_channels: 8, channel_multipliers: [1, 2], num_res_blocks: 1, attention_levels: [1]"),
              base + 4 * (2 * 16 + 4 * (16 * 16 + 16)));
    EXPECT_EQ(read("{name: fast_ddpm_3d, channel_multipliers: [1, 2, 2, 4]}").size_divisor(), 8);
}

TEST(FastDdpm3dOptions, WhatCannotBeBuiltIsNamed) {
    const auto refusal = [](const std::string& keys) {
        return message([&] { read("{name: fast_ddpm_3d, " + keys + "}"); });
    };
    EXPECT_THAT(refusal("base_channels: 48"),
                HasSubstr("norm_groups is 32, it must divide base_channels, which is 48"));
    EXPECT_THAT(refusal("norm_groups: 0"), HasSubstr("norm_groups is 0"));
    EXPECT_EQ(refusal("base_channels: 48, norm: instance"), "");
    EXPECT_THAT(refusal("base_channels: 2, norm: batch"), HasSubstr("base_channels is 2"));
    EXPECT_THAT(refusal("base_channels: 31, norm: batch"), HasSubstr("an even number"));
    EXPECT_THAT(refusal("channel_multipliers: []"), HasSubstr("channel_multipliers must have 1 to 16"));
    EXPECT_THAT(refusal("channel_multipliers: [1, 0]"), HasSubstr("channel_multipliers must hold"));
    EXPECT_THAT(refusal("num_res_blocks: 0"), HasSubstr("num_res_blocks is 0"));
    EXPECT_THAT(refusal("attention_levels: [3]"), HasSubstr("levels from 0, the full size, to 2"));
    EXPECT_THAT(refusal("attention_levels: [1, 1]"), HasSubstr("attention_levels must rise"));
    EXPECT_THAT(refusal("attention_levels: [2, 1]"), HasSubstr("attention_levels must rise"));
    EXPECT_EQ(refusal("attention_levels: [0, 2]"), "");
    auto bad = ModelOptions::of("fast_ddpm_3d");
    bad.num_res_blocks = 0;
    EXPECT_THROW(make(bad), core::ConfigError);
}

TEST(FastDdpm3dOptions, KeysOfOtherNetworksAreRefused) {
    EXPECT_THAT(message([] { read("{name: fast_ddpm_3d, init_filters: 32}"); }),
                HasSubstr("init_filters is of segresnet; fast_ddpm_3d has base_channels"));
    EXPECT_THAT(message([] { read("{name: fast_ddpm_3d, strides: [2]}"); }), HasSubstr("strides is of unet"));
    EXPECT_THAT(message([] { read("{base_channels: 32}"); }), HasSubstr("base_channels is of fast_ddpm_3d"));
    EXPECT_THAT(message([] { read("{name: unet, attention_levels: [1]}"); }), HasSubstr("is of fast_ddpm_3d"));
    EXPECT_EQ(message([] { read("{name: fast_ddpm_3d, init_filters: 16, channels: [16, 32, 64, 128, 256, 512]}"); }),
              "");
}

}  // namespace
}  // namespace vox::nn
