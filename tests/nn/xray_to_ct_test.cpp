#include "nn/xray_to_ct.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include "nn/test_items.hpp"
#include "nn/xray_to_ct_items.hpp"
#include "ops/random_scope.hpp"

namespace vox::nn {
namespace {

using testing::HasSubstr;
using Inputs = XrayToCtInputs;

// Values in the two differ everywhere that counts, not by rounding.
bool differ(const at::Tensor& a, const at::Tensor& b) { return test::relative_difference(a, b) > 1e-3; }

TEST(XrayToCt, WeightsAreAFunctionOfTheSeed) {
    const auto options = small_cascade();
    const XrayToCt a(options, 1, 1), b(options, 1, 1), c(options, 1, 2);
    for (const auto& item : a.named_parameters()) {
        const auto w = item.value().detach();
        EXPECT_TRUE(at::equal(w, b.named_parameters()[item.key()])) << item.key();
        const bool constant = w.numel() > 1 && at::equal(w.max(), w.min());  // of normalisations, and zeros at first
        EXPECT_EQ(at::equal(w, c.named_parameters()[item.key()]), constant) << item.key();
    }
}

// What a block of `c` channels has: the six-way modulation of 1024 values, attention to itself (four maps c to c) and to
// 512-channel tokens (two of them 512 to c), its normalisation, and an MLP of 4c.
int64_t block_parameters(int64_t c) {
    return 6 * c * 1025 + 4 * c * (c + 1) + 2 * c * (c + 1) + 2 * c * 513 + 2 * c + 4 * c * (c + 1) + c * (4 * c + 1);
}

TEST(XrayToCt, ParametersOfTheRecipesStages) {
    const XrayToCtOptions options;
    int64_t before = 0;
    for (size_t i = 0; i < 3; ++i) {
        const XrayToCt network(options, i, 0);
        const auto& stage = options.stages[i];
        int64_t blocks = 0, encoder = 0;
        const int64_t places = 4096 * stage.voxel_dim;
        for (const auto& p : network.named_parameters()) {
            if (p.key().starts_with("blocks.")) blocks += p.value().numel();
            if (p.key().starts_with("xray_encoder.")) encoder += p.value().numel();
        }
        EXPECT_EQ(blocks, stage.vit_depth * block_parameters(stage.voxel_dim));
        EXPECT_EQ(network.named_parameters()["place_embedding"].numel(), places);
        EXPECT_GT(network.parameter_count(), before);
        before = network.parameter_count();
        std::printf("stage%zu: %ld parameters: %ld in blocks, %ld in the X-ray encoder, %ld in places of tokens\n",
                    i + 1, static_cast<long>(before), static_cast<long>(blocks), static_cast<long>(encoder),
                    static_cast<long>(places));
    }
}

TEST(XrayToCt, ANewBlockReturnsItsInput) {
    WeightSource weights(1);
    VitBlock block({.channels = 32, .heads = 4, .context_channels = 24, .condition_channels = 16, .dropout_prob = 0},
                   weights);
    const auto x = test::uniform({2, 5, 32}, 0).to(at::kFloat), context = test::uniform({2, 7, 24}, 1).to(at::kFloat);
    const auto condition = test::uniform({2, 16}, 2).to(at::kFloat);
    EXPECT_TRUE(at::equal(block.forward(x, context, condition), x));
    wake(block);
    const auto y = block.forward(x, context, condition);
    EXPECT_TRUE(differ(y, x));
    EXPECT_TRUE(differ(block.forward(x, context + 1, condition), y));
    EXPECT_TRUE(differ(block.forward(x, context, condition * -1), y));
}

TEST(XrayToCt, ANewNetworkHearsOfNoTimeAndATrainedOneDoes) {
    for (const size_t stage : {0, 1}) {
        const auto options = small_cascade();
        Inputs inputs(options, stage, 2);
        XrayToCt fresh(options, stage, 3);
        const auto trained = awake(options, stage);
        const auto fresh_output = inputs.run(fresh), output = inputs.run(*trained);
        EXPECT_EQ(output.sizes(), inputs.noisy.sizes());
        inputs.t = inputs.t + 300;
        EXPECT_TRUE(at::equal(inputs.run(fresh), fresh_output));
        EXPECT_TRUE(differ(inputs.run(*trained), output));
    }
}

TEST(XrayToCt, ViewsAreToldApart) {
    const auto options = small_cascade();
    Inputs inputs(options, 0, 1);
    for (const bool woken : {false, true}) {  // by the lifting alone, and by cross-attention too
        XrayToCt network(options, 0, 3);
        if (woken) wake(network);
        inputs.xrays = inputs.xrays.detach().requires_grad_();
        const auto output = inputs.run(network);
        output.square().sum().backward();
        for (const int64_t view : {0, 1}) {
            EXPECT_GT(inputs.xrays.grad().select(1, view).abs().max().item<double>(), 0) << view;
        }
        Inputs exchanged = inputs;
        exchanged.xrays = inputs.xrays.detach().flip({1});
        EXPECT_TRUE(differ(exchanged.run(network), output));
    }
}

TEST(XrayToCt, ThePreviousVolumeAndItsNoiseMatter) {
    const auto options = small_cascade();
    const auto network = awake(options, 1);
    Inputs inputs(options, 1, 2);
    const auto output = inputs.run(*network);
    EXPECT_TRUE(at::equal(inputs.run(*network, at::zeros_like(inputs.t)), output));
    EXPECT_TRUE(differ(inputs.run(*network, at::full_like(inputs.t, 200)), output));
    inputs.previous = inputs.previous.flip({2});
    EXPECT_TRUE(differ(inputs.run(*network), output));
    // Every voxel of the coarse volume has its part.
    inputs.previous = inputs.previous.detach().requires_grad_();
    inputs.run(*network).square().sum().backward();
    EXPECT_EQ(inputs.previous.grad().count_nonzero().item<int64_t>(), inputs.previous.numel());
}

TEST(XrayToCt, WithoutNoiseXraysAloneMakeAVolume) {
    const auto options = small_cascade();
    XrayToCt network(options, 0, 3);
    Inputs inputs(options, 0, 2);
    inputs.noisy.zero_();
    inputs.t.zero_();
    const auto output = inputs.run(network);
    EXPECT_TRUE(output.isfinite().all().item<bool>());
    EXPECT_TRUE(differ(output[0], output[1]));
}

TEST(XrayToCt, OneViewIsAConfiguration) {
    auto options = small_cascade();
    options.xray.num_views = 1;
    const auto network = awake(options, 1);
    const Inputs inputs(options, 1, 2);
    EXPECT_EQ(inputs.run(*network).sizes(), inputs.noisy.sizes());
    for (const auto& item : network->named_parameters()) {
        EXPECT_EQ(item.key().find("lateral"), std::string::npos) << item.key();
    }
    EXPECT_THROW(Inputs(small_cascade(), 1, 2).run(*network), core::DataError);
}

TEST(XrayToCt, GradientsReachEveryParameter) {
    for (const std::string norm : {"group", "batch", "instance"}) {
        for (const size_t stage : {0, 1}) {
            auto options = small_cascade();
            options.xray.norm = norm;
            const auto network = awake(options, stage);
            Inputs(options, stage, 2).run(*network).square().sum().backward();
            for (const auto& item : network->named_parameters()) {
                ASSERT_TRUE(item.value().grad().defined()) << norm << " " << item.key();
                EXPECT_GT(item.value().grad().abs().max().item<double>(), 0.0) << norm << " " << item.key();
            }
        }
    }
}

TEST(XrayToCt, EmptyBatch) {
    for (const std::string norm : {"group", "batch", "instance"}) {
        for (const size_t stage : {0, 1}) {
            for (const bool checkpointing : {false, true}) {
                auto options = small_cascade();
                options.xray.norm = norm;
                options.dropout_prob = 0.5;
                options.activation_checkpointing = checkpointing;
                const auto network = awake(options, stage);
                const Inputs inputs(options, stage, 0);
                const ops::RandomScope scope(item_keys(0));
                const auto output = inputs.run(*network);
                EXPECT_EQ(output.sizes(), inputs.noisy.sizes());
                output.sum().backward();
                for (const auto& item : network->named_parameters()) {
                    ASSERT_TRUE(item.value().grad().defined()) << norm << " " << item.key();
                    EXPECT_EQ(item.value().grad().abs().sum().item<double>(), 0.0) << norm << " " << item.key();
                }
            }
        }
    }
}

TEST(XrayToCt, DropoutBelongsToTheItemAndOnlyToTraining) {
    auto options = small_cascade();
    options.dropout_prob = 0.5;
    const auto network = awake(options, 1);
    const auto keys = item_keys(3);
    const Inputs inputs(options, 1, 3);
    const at::NoGradGuard no_grad;
    const auto run = [&](int64_t begin, int64_t count) {
        const ops::RandomScope scope(
            std::span<const ops::RandomKey>(keys).subspan(static_cast<size_t>(begin), static_cast<size_t>(count)));
        return inputs.part(begin, count).run(*network);
    };
    const auto joined = run(0, 3);
    EXPECT_TRUE(at::cat({run(0, 1), run(1, 2)}).allclose(joined, 1e-4, 1e-5));
    network->eval();
    const auto evaluated = inputs.run(*network);  // needs no scope
    EXPECT_TRUE(differ(evaluated, joined));
    EXPECT_TRUE(at::equal(evaluated, inputs.run(*network)));
}

TEST(XrayToCt, CheckpointingChangesNoGradientWithDropout) {
    std::vector<std::vector<at::Tensor>> all;
    for (const bool checkpointing : {false, true}) {
        auto options = small_cascade();
        options.dropout_prob = 0.25;
        options.activation_checkpointing = checkpointing;
        const auto network = awake(options, 1);
        network->to(at::kDouble);
        Inputs inputs(options, 1, 2);
        inputs.to(at::kDouble);
        {
            const ops::RandomScope scope(item_keys(2));
            inputs.run(*network).square().mean().backward();
        }
        auto& gradients = all.emplace_back();
        for (const auto& p : network->parameters()) gradients.push_back(p.grad());
    }
    for (size_t i = 0; i < all[0].size(); ++i) EXPECT_TRUE(all[0][i].allclose(all[1][i], 1e-10, 1e-14)) << i;
}

TEST(XrayToCt, WhatDoesNotFitIsNamed) {
    const auto options = small_cascade();
    XrayToCt first(options, 0, 0), second(options, 1, 0);
    const auto refused = [](XrayToCt& network, const Inputs& inputs) { return message([&] { inputs.run(network); }); };
    const Inputs good(options, 0, 2), follows(options, 1, 2);
    auto bad = good;
    bad.noisy = at::zeros({2, 1, 8, 8, 8});
    EXPECT_THROW(bad.run(first), core::DataError);
    EXPECT_THAT(refused(first, bad), HasSubstr("the volume is [2, 1, 8, 8, 8], expected [2, 1, 8, 16, 8]"));
    bad = good;
    bad.xrays = at::zeros({2, 2, 64, 32});
    EXPECT_THAT(refused(first, bad), HasSubstr("the X-rays is [2, 2, 64, 32], expected [2, 2, 64, 64]"));
    bad = good;
    bad.t = at::zeros({3});
    EXPECT_THAT(refused(first, bad), HasSubstr("the timestep is [3], expected [2]"));
    bad = follows;
    bad.previous = at::zeros({1, 1, 4, 4, 4});
    EXPECT_THAT(refused(second, bad), HasSubstr("the volume of the stage before is [1, 1, 4, 4, 4]"));
    EXPECT_THAT(message([&] { follows.run(second, at::zeros({3})); }), HasSubstr("noise of the stage before is [3]"));
    EXPECT_THROW(follows.run(first), core::InternalError);
    EXPECT_THROW(good.run(second), core::InternalError);
    EXPECT_THROW(good.run(first, at::zeros({2})), core::InternalError);
    EXPECT_THROW(XrayToCt(options, 2, 0), core::InternalError);
    auto wrong = options;
    wrong.stages[1].num_heads = 3;
    EXPECT_THAT(message([&] { XrayToCt(wrong, 0, 0); }), HasSubstr("xray_to_ct: stage2.voxel_dim is 16"));
    wrong = options;
    wrong.xray.norm = "sync_batch";
    EXPECT_THROW(XrayToCt(wrong, 0, 0), core::InternalError);  // without a communicator
}

// The tensors are of one value in memory each.
TEST(XrayToCt, ABatchThatKernelsCannotAddressIsRefused) {
    XrayToCtOptions options;
    options.stages[2] = {
        .volume_size = {256, 256, 256}, .patch_size = 16, .voxel_dim = 16, .vit_depth = 1, .num_heads = 1};
    XrayToCt network(options, 2, 0);
    const auto run = [&](int64_t items) {
        network.forward(at::zeros({1}).expand({items, 1, 256, 256, 256}), at::zeros({items}),
                        at::zeros({1}).expand({items, 2, 512, 512}), at::zeros({1}).expand({items, 1, 128, 128, 128}));
    };
    EXPECT_THROW(run(8), core::ConfigError);
    EXPECT_THAT(message([&] { run(8); }),
                HasSubstr("2147483648 values, 2^31 or more: take a smaller micro-batch than 8"));
}

}  // namespace
}  // namespace vox::nn
