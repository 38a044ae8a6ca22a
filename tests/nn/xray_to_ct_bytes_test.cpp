// The predicted memory of a stage from X-rays to CT against what ATen's allocator reports, and what checkpointing saves of it.

#include "nn/xray_to_ct_bytes.hpp"

#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <vector>

#include "nn/test_items.hpp"
#include "nn/xray_to_ct_items.hpp"
#include "ops/random_scope.hpp"
#include "support/memory_watch.hpp"

namespace vox::nn {
namespace {

struct Setting {
    std::string name;
    size_t stage;
    XrayToCtStage network;
    int64_t items;
    int64_t img_size = 64;
    int64_t num_views = 2;
    double dropout = 0.1;
};

XrayToCtOptions options_of(const Setting& setting) {
    XrayToCtOptions options;
    options.num_stages = static_cast<int64_t>(setting.stage) + 1;
    for (size_t i = 0; i <= setting.stage; ++i) options.stages[i] = setting.network;
    options.xray.img_size = setting.img_size;
    options.xray.num_views = setting.num_views;
    options.dropout_prob = setting.dropout;
    return options;
}

struct Measured {
    int64_t kept = 0, peak = 0;
    std::vector<at::Tensor> gradients;
};

Measured measure(const Setting& setting, const XrayToCtOptions& options) {
    XrayToCt network(options, setting.stage, /*seed=*/3);
    wake(network);
    const XrayToCtInputs inputs(options, setting.stage, setting.items);
    const auto keys = item_keys(static_cast<uint32_t>(setting.items));
    for (const auto& p : network.parameters()) p.mutable_grad() = at::zeros_like(p);  // not to be counted
    Measured measured;
    const test::MemoryWatch watch;
    const ops::RandomScope scope(keys);
    const auto y = inputs.run(network);
    measured.kept = watch.live();
    y.square().mean().backward();
    measured.peak = watch.peak();
    for (const auto& p : network.parameters()) measured.gradients.push_back(p.grad());
    return measured;
}

double megabytes(int64_t bytes) { return static_cast<double>(bytes) / 1e6; }

class XrayToCtBytes : public testing::TestWithParam<Setting> {};

TEST_P(XrayToCtBytes, AreWhatTheAllocatorReportsAndCheckpointingHalvesThePeak) {
    const auto& setting = GetParam();
    auto options = options_of(setting);
    std::vector<Measured> both;
    for (const bool checkpointing : {false, true}) {
        options.activation_checkpointing = checkpointing;
        both.push_back(measure(setting, options));
        const auto& measured = both.back();
        const auto predicted = estimate_xray_to_ct(options, setting.stage, setting.items, {4, 4, 4});
        std::printf("%-14s %s: kept %.1f MB, predicted %.1f; peak %.1f MB, predicted %.1f\n", setting.name.c_str(),
                    checkpointing ? "checkpointed" : "plain       ", megabytes(measured.kept),
                    megabytes(predicted.kept), megabytes(measured.peak), megabytes(predicted.peak));
        EXPECT_NEAR(static_cast<double>(predicted.kept) / static_cast<double>(measured.kept), 1, 0.1);
        EXPECT_NEAR(static_cast<double>(predicted.peak) / static_cast<double>(measured.peak), 1, 0.1);
    }
    const auto &plain = both[0], &saving = both[1];
    const double share = static_cast<double>(saving.peak) / static_cast<double>(plain.peak);
    std::printf("%-14s peak with checkpointing: %.3f\n", setting.name.c_str(), share);
    // A single item's largest block cannot be parted.
    EXPECT_LE(share, setting.items > 1 ? 0.55 : 0.85);
    for (size_t i = 0; i < plain.gradients.size(); ++i)
        EXPECT_TRUE(saving.gradients[i].allclose(plain.gradients[i], 1e-4, 1e-6)) << i;
}

INSTANTIATE_TEST_SUITE_P(Settings, XrayToCtBytes,
                         testing::Values(Setting{"stage1", 0, {{32, 32, 32}, 4, 64, 3, 4}, 2},
                                         Setting{"stage2", 1, {{64, 64, 64}, 8, 96, 3, 4}, 2},
                                         Setting{"stage3", 2, {{64, 64, 64}, 16, 64, 2, 4}, 4},
                                         Setting{"four_items", 1, {{32, 64, 48}, 8, 48, 2, 4}, 4, 32, 1, 0.0},
                                         Setting{"one_item", 2, {{128, 96, 96}, 16, 64, 2, 4}, 1},
                                         Setting{"real_stage1", 0, XrayToCtOptions::default_stages()[0], 2, 128}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace vox::nn
