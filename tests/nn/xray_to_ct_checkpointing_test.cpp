// What activation checkpointing of the X-ray to CT network saves, and what 16-bit convolutions change.

#include <ATen/autocast_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include "nn/xray_to_ct_items.hpp"

namespace vox::nn {
namespace {

/// Counts what the CPU's allocator gives to this thread, and takes back.
class LiveBytes : public c10::MemoryReportingInfoBase {
public:
    void reportMemoryUsage(void*, int64_t bytes, size_t, size_t, c10::Device) override {
        now += bytes;
        peak = std::max(peak, now);
    }
    bool memoryProfilingEnabled() const override { return true; }
    int64_t now = 0, peak = 0;
};

struct Memory {
    int64_t kept = 0, peak = 0;  // bytes between forward and backward; at the worst moment of both
    std::vector<at::Tensor> gradients;
};

Memory measure(bool checkpointing) {
    auto options = small_cascade();
    options.activation_checkpointing = checkpointing;
    options.stages[0] = {.volume_size = {32, 32, 32}, .patch_size = 4, .voxel_dim = 64, .vit_depth = 6, .num_heads = 4};
    options.num_stages = 1;
    options.stages[1] = XrayToCtOptions::default_stages()[1];
    const auto network = awake(options, 0);
    const XrayToCtInputs inputs(options, 0, 2);
    for (const auto& p : network->parameters()) p.mutable_grad() = at::zeros_like(p);  // not to be counted
    const auto bytes = std::make_shared<LiveBytes>();
    Memory memory;
    {
        const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, bytes);
        const auto loss = inputs.run(*network).square().mean();
        memory.kept = bytes->now;
        loss.backward();
        memory.peak = bytes->peak;
    }
    for (const auto& p : network->parameters()) memory.gradients.push_back(p.grad());
    return memory;
}

TEST(XrayToCtCheckpointing, KeepsLessThanHalfBetweenForwardAndBackward) {
    const auto plain = measure(false), saving = measure(true);
    const auto mb = [](int64_t bytes) { return static_cast<double>(bytes) / 1e6; };
    std::printf("kept %.1f MB, with checkpointing %.1f MB; peak %.1f MB, with checkpointing %.1f MB\n", mb(plain.kept),
                mb(saving.kept), mb(plain.peak), mb(saving.peak));
    EXPECT_GT(saving.kept, 0);
    EXPECT_LT(mb(saving.kept), 0.5 * mb(plain.kept));
    EXPECT_LE(mb(saving.peak), 0.55 * mb(plain.peak));
    for (size_t i = 0; i < plain.gradients.size(); ++i) {
        EXPECT_TRUE(saving.gradients[i].allclose(plain.gradients[i], 1e-4, 1e-7)) << i;
    }
}

/// Output and joined gradients of one forward and backward.
std::pair<at::Tensor, at::Tensor> run(bool bfloat16, bool checkpointing) {
    auto options = small_cascade();
    options.activation_checkpointing = checkpointing;
    const auto network = awake(options, 1);
    const XrayToCtInputs inputs(options, 1, 2);
    at::autocast::set_autocast_enabled(at::kCPU, bfloat16);
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    const auto output = inputs.run(*network).to(at::kFloat);
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCPU, false);
    output.square().mean().backward();
    std::vector<at::Tensor> gradients;
    for (const auto& p : network->parameters()) gradients.push_back(p.grad().flatten());
    return {output, at::cat(gradients)};
}

// bfloat16 has 8 bits, a relative rounding of 0.4 %.
TEST(XrayToCtCheckpointing, RunsInBfloat16) {
    const auto [output, gradients] = run(false, false);
    for (const bool checkpointing : {false, true}) {
        const auto [found, found_gradients] = run(true, checkpointing);
        EXPECT_LT(test::relative_difference(found, output), 0.02) << checkpointing;
        EXPECT_LT(test::relative_difference(found_gradients, gradients), 0.05) << checkpointing;
        EXPECT_FALSE(at::equal(found, output));
    }
}

}  // namespace
}  // namespace vox::nn
