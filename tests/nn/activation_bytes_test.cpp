// The predicted memory of fast_ddpm_3d against what ATen's allocator reports, and activation checkpointing by what it saves.

#include "nn/activation_bytes.hpp"

#include <ATen/autocast_mode.h>
#include <ATen/ops/full.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/zeros.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/library.h>

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "nn/make_model.hpp"
#include "nn/test_items.hpp"
#include "ops/random_scope.hpp"
#include "ops/random_tensor.hpp"
#include "support/memory_watch.hpp"

namespace vox::nn {
namespace {

using testing::HasSubstr;

/// A GPU's autocast computes group normalisation in float32, a host's in 16 bits: which of both this host does.
bool like_a_gpu = false;

at::Tensor group_norm(const at::Tensor& x, int64_t groups, const std::optional<at::Tensor>& weight,
                      const std::optional<at::Tensor>& bias, double eps, bool cudnn) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    return at::group_norm(like_a_gpu ? x.to(at::kFloat) : x, groups, weight, bias, eps, cudnn);
}
TORCH_LIBRARY_IMPL(aten, AutocastCPU, library) { library.impl("group_norm", &group_norm); }

struct Setting {
    std::string name;
    ModelOptions options;
    std::vector<int64_t> crop{16, 32, 24};
    int64_t batch =
        2;  // a small single item is convolved by way of a matrix of all windows, which is 27 times the input
    bool autocast = false;
    bool gpu = false;  // with autocast
};

const ModelContext kContext{.in_channels = 4, .out_channels = 1, .seed = 3};

/// The published network, narrower.
ModelOptions narrow() {
    auto options = ModelOptions::of("fast_ddpm_3d");
    options.base_channels = 16;
    options.norm_groups = 8;
    return options;
}

struct Measured {
    int64_t kept = 0, peak = 0;
    std::vector<at::Tensor> gradients;
};

/// The second of two steps, whose parameters have gradients already.
Measured measure(const Setting& setting) {
    const auto model = make_denoising_model(setting.options, kContext);
    const auto keys = item_keys(static_cast<uint32_t>(setting.batch));
    const auto x =
        ops::random_uniform_tensor(keys, ops::Purpose::test_values, 0,
                                   {setting.batch, 4, setting.crop[0], setting.crop[1], setting.crop[2]}, at::kFloat);
    const auto timesteps = at::full({setting.batch}, 499, at::kLong);
    like_a_gpu = setting.gpu;
    Measured measured;
    for (int step = 0; step < 2; ++step) {
        const test::MemoryWatch watch;
        at::Tensor y;
        {
            const ops::RandomScope scope(keys);
            at::autocast::set_autocast_enabled(at::kCPU, setting.autocast);
            at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
            y = model->forward(x, timesteps);
            at::autocast::clear_cache();
            at::autocast::set_autocast_enabled(at::kCPU, false);
        }
        measured.kept = watch.live();
        y.to(at::kFloat).square().mean().backward();
        measured.peak = watch.peak();
    }
    for (const auto& p : model->parameters()) measured.gradients.push_back(p.grad());
    return measured;
}

ActivationEstimate predict(const Setting& setting) {
    return estimate_activations(setting.options, kContext, setting.crop, setting.batch,
                                ActivationWidths::of(at::kFloat, setting.autocast, setting.gpu ? at::kCUDA : at::kCPU));
}

double megabytes(int64_t bytes) { return static_cast<double>(bytes) / 1e6; }

class ActivationBytes : public testing::TestWithParam<Setting> {};

TEST_P(ActivationBytes, AreWhatTheAllocatorReports) {
    Setting setting = GetParam();
    for (const bool checkpointing : {false, true}) {
        setting.options.activation_checkpointing = checkpointing;
        const auto measured = measure(setting);
        const auto predicted = predict(setting);
        std::printf("%-14s %s: kept %.1f MB, predicted %.1f; peak %.1f MB, predicted %.1f\n", setting.name.c_str(),
                    checkpointing ? "checkpointed" : "plain       ", megabytes(measured.kept),
                    megabytes(predicted.kept), megabytes(measured.peak), megabytes(predicted.peak));
        // Autocast has casts of weights too, and casts of gradients.
        EXPECT_NEAR(static_cast<double>(predicted.kept) / static_cast<double>(measured.kept), 1,
                    setting.autocast ? 0.05 : 0.01);
        EXPECT_NEAR(static_cast<double>(predicted.peak) / static_cast<double>(measured.peak), 1,
                    setting.autocast ? 0.15 : 0.06);
    }
}

Setting changed(const std::string& name, void (*change)(Setting&)) {
    Setting setting{name, narrow()};
    change(setting);
    return setting;
}

INSTANTIATE_TEST_SUITE_P(
    Settings, ActivationBytes,
    testing::Values(changed("published", [](Setting&) {}),
                    changed("one_item", [](Setting& s) { s.crop = {64, 24, 8}, s.batch = 1; }),
                    changed("no_dropout", [](Setting& s) { s.options.dropout_prob = 0; }),
                    changed("batch_norm", [](Setting& s) { s.options.norm = "batch"; }),
                    changed("two_levels",
                            [](Setting& s) { s.options.channel_multipliers = {1, 2}, s.options.num_res_blocks = 1; }),
                    changed("attention", [](Setting& s) { s.options.attention_levels = {1, 2}; }),
                    changed("channels_last",
                            [](Setting& s) { s.options.channels_last_3d = true, s.options.attention_levels = {1}; }),
                    changed("autocast", [](Setting& s) { s.autocast = true, s.crop = {32, 32, 32}; }),
                    changed("gpu_autocast", [](Setting& s) { s.autocast = s.gpu = true, s.crop = {32, 32, 32}; })),
    [](const auto& info) { return info.param.name; });

TEST(ActivationBytesCheckpointing, HalvesThePeakAtEqualGradients) {
    Setting setting{"published", narrow()};
    const auto plain = measure(setting);
    setting.options.activation_checkpointing = true;
    const auto checkpointed = measure(setting);
    const double share = static_cast<double>(checkpointed.peak) / static_cast<double>(plain.peak);
    std::printf("peak %.1f MB, with checkpointing %.1f MB: %.3f\n", megabytes(plain.peak), megabytes(checkpointed.peak),
                share);
    EXPECT_LE(share, 0.55);
    ASSERT_EQ(plain.gradients.size(), checkpointed.gradients.size());
    for (size_t i = 0; i < plain.gradients.size(); ++i) {
        const double norm = plain.gradients[i].norm().item<double>();
        EXPECT_GT(norm, 0) << i;
        EXPECT_LE((plain.gradients[i] - checkpointed.gradients[i]).norm().item<double>(), 1e-5 * norm) << i;
    }
}

TEST(ActivationBytesWidths, FollowThePrecision) {
    const auto widths = [](at::ScalarType type, bool autocast, at::DeviceType device) {
        const auto w = ActivationWidths::of(type, autocast, device);
        return std::vector{w.convolution, w.norm};
    };
    EXPECT_EQ(widths(at::kFloat, false, at::kCUDA), (std::vector<int64_t>{4, 4}));
    EXPECT_EQ(widths(at::kDouble, false, at::kCPU), (std::vector<int64_t>{8, 8}));
    EXPECT_EQ(widths(at::kFloat, true, at::kCPU), (std::vector<int64_t>{2, 2}));
    EXPECT_EQ(widths(at::kFloat, true, at::kCUDA), (std::vector<int64_t>{2, 4}));
    const auto published = ModelOptions::of("fast_ddpm_3d");
    const auto estimate = [&](const ActivationWidths& w) {
        return estimate_activations(published, kContext, {64, 64, 64}, 1, w);
    };
    const auto single = estimate({4, 4, 4}), mixed = estimate({2, 4, 4});
    EXPECT_EQ(estimate({8, 8, 8}).peak, 2 * single.peak);
    EXPECT_LT(mixed.kept, single.kept);
    EXPECT_GT(2 * mixed.kept, single.kept);
}

TEST(TensorSizes, TheLargestIsTheJoinedInputOfTheFirstBlockAtFullSize) {
    const auto largest = largest_tensor(ModelOptions::of("fast_ddpm_3d"), {64, 32, 16}, 3);
    EXPECT_EQ(largest.name, "the joined input of up.0.block.0");
    EXPECT_EQ(largest.elements, int64_t{3} * 192 * 64 * 32 * 16);  // 128 from below, 64 of the encoder
    auto flat = ModelOptions::of("fast_ddpm_3d");
    flat.channel_multipliers = {4, 1};
    EXPECT_EQ(largest_tensor(flat, {2, 2, 2}, 1).elements, 512 * 8);  // 256 and 256
}

TEST(TensorSizes, OfTwoToThe31OrMoreAreRefused) {
    auto options = ModelOptions::of("fast_ddpm_3d");
    const auto refusal = [&](int64_t size, int64_t batch) {
        return message([&] { check_tensor_sizes(options, {size, size, size}, batch); });
    };
    EXPECT_EQ(refusal(128, 5), "");  // 192 channels of 128^3 voxels, 5 times: 0.94 of 2^31
    EXPECT_THAT(refusal(128, 6), HasSubstr("the joined input of up.0.block.0 has 2415919104 elements"));
    EXPECT_THAT(refusal(256, 1), HasSubstr("1 items of [256, 256, 256]"));
    EXPECT_THAT(refusal(256, 1), HasSubstr("choose a smaller data.crop_size or batch, or fewer model.base_channels"));
    options.base_channels = 32;
    EXPECT_EQ(refusal(256, 1), "");
    options.channel_multipliers = {1};  // joined: 128 channels
    options.base_channels = 64;
    EXPECT_THAT(refusal(256, 1), HasSubstr("2147483648 elements"));  // exactly 2^31
    EXPECT_EQ(message([] { check_tensor_sizes(ModelOptions::of("segresnet"), {4096, 4096, 4096}, 1); }), "");
}

// No memory is touched: the volume is one number, repeated.
TEST(TensorSizes, AreCheckedInForwardToo) {
    auto options = narrow();
    options.channel_multipliers = {1};
    const auto model = make_denoising_model(options, {.in_channels = 1, .out_channels = 1});
    const auto volume = at::zeros({1, 1, 1, 1, 1}).expand({1, 1, 1024, 1024, 64});
    EXPECT_THAT(message([&] { model->forward(volume, at::zeros({1}, at::kLong)); }), HasSubstr("2147483648 elements"));
}

}  // namespace
}  // namespace vox::nn
