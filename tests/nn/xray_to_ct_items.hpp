#pragma once
// Small cascades from X-rays to CT, and what their networks are put through.

#include <ATen/core/grad_mode.h>

#include <memory>
#include <string>
#include <vector>

#include "nn/xray_to_ct.hpp"
#include "support/golden.hpp"

namespace vox::nn {

/// Two stages on 2x4x2 tokens, of 8x16x8 voxels both, without dropout.
inline XrayToCtOptions small_cascade() {
    XrayToCtOptions options;
    options.xray.img_size = 64;
    options.num_stages = 2;
    options.dropout_prob = 0;
    options.stages[0] = {.volume_size = {8, 16, 8}, .patch_size = 4, .voxel_dim = 16, .vit_depth = 2, .num_heads = 2};
    options.stages[1] = options.stages[0];
    return options;
}

/// What a network has set to 0 at first becomes small numbers, as after some training.
inline void wake(torch::nn::Module& network) {
    const at::NoGradGuard no_grad;
    uint32_t layer = 0;
    for (const auto& parameter : network.parameters()) {
        if (parameter.count_nonzero().item<int64_t>() > 0) continue;
        parameter.copy_(0.4 * test::uniform(parameter.sizes(), layer++) - 0.2);
    }
}

/// Inputs of `items` items for a stage of `options`.
struct XrayToCtInputs {
    at::Tensor noisy, t, xrays, previous;

    XrayToCtInputs(const XrayToCtOptions& options, size_t stage, int64_t items) {
        std::vector<int64_t> sizes{items, 1};
        const auto& volume = options.stages[stage].volume_size;
        sizes.insert(sizes.end(), volume.begin(), volume.end());
        const auto& xray = options.xray;
        noisy = (4 * test::uniform(sizes, 100) - 2).to(at::kFloat);
        t = (1000 * test::uniform({items}, 101)).to(at::kLong);
        xrays = (2 * test::uniform({items, xray.num_views, xray.img_size, xray.img_size}, 102) - 1).to(at::kFloat);
        if (stage > 0) previous = (2 * test::uniform({items, 1, 4, 8, 4}, 103) - 1).to(at::kFloat);
    }
    void to(at::ScalarType type) {
        for (auto* tensor : {&noisy, &xrays, &previous}) *tensor = tensor->defined() ? tensor->to(type) : *tensor;
    }
    /// The items from `begin` on.
    XrayToCtInputs part(int64_t begin, int64_t count) const {
        XrayToCtInputs some = *this;
        for (auto* tensor : {&some.noisy, &some.t, &some.xrays, &some.previous}) {
            if (tensor->defined()) *tensor = tensor->narrow(0, begin, count);
        }
        return some;
    }
    at::Tensor run(XrayToCt& network, const at::Tensor& previous_noise = {}) const {
        return network.forward(noisy, t, xrays, previous, previous_noise);
    }
};

/// A network whose zeros are woken.
inline std::shared_ptr<XrayToCt> awake(const XrayToCtOptions& options, size_t stage) {
    auto network = std::make_shared<XrayToCt>(options, stage, /*seed=*/3);
    wake(*network);
    return network;
}

}  // namespace vox::nn
