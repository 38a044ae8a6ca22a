// The parts of the X-ray to CT network against layers of torch and MONAI 1.6.1 (tools/golden/xray_to_ct.py).

#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "nn/depth_lifting.hpp"
#include "nn/fusion_block.hpp"
#include "nn/level_embedding.hpp"
#include "nn/vit_block.hpp"
#include "nn/xray_encoder.hpp"
#include "nn/xray_to_ct_items.hpp"
#include "support/golden.hpp"

namespace vox::nn {
namespace {

constexpr double kBound = 1e-7;  // golden arrays are stored as float32
constexpr double kFloatFeatures = 1e-4;  // MONAI takes sines of float32 angles of up to 999
constexpr double kFewSteps = 1e-5;  // the same of up to 17

at::Tensor golden(const std::string& name) {
    static const auto shapes = test::golden_json("xray_to_ct").at("shapes");
    test::GoldenArrays arrays("xray_to_ct");
    for (const auto& [key, sizes] : shapes.items()) {
        const auto values = arrays.next(sizes.get<std::vector<int64_t>>());
        if (key == name) return values;
    }
    throw std::runtime_error("no golden array " + name);
}

// The formulas of the script.
at::Tensor signed_values(at::IntArrayRef sizes, uint32_t layer) { return 2 * test::uniform(sizes, layer) - 1; }

void set_weights(torch::nn::Module& module) {
    module.to(at::kDouble);
    std::map<std::string, at::Tensor> sorted;
    for (const auto& item : module.named_parameters()) sorted[item.key()] = item.value();
    const at::NoGradGuard no_grad;
    uint32_t layer = 1104;
    for (const auto& [name, tensor] : sorted) {
        const auto u = test::uniform(tensor.sizes(), layer++);
        const double fan_in = static_cast<double>(tensor.numel()) / static_cast<double>(tensor.size(0));
        if (tensor.dim() > 1) {
            tensor.copy_((2 * u - 1) * std::sqrt(3 / fan_in));
        } else {
            tensor.copy_(name.ends_with("weight") ? u + 0.5 : u - 0.5);
        }
    }
}

void expect_golden(const at::Tensor& found, const std::string& name, double bound = kBound) {
    const auto expected = golden(name);
    ASSERT_EQ(found.sizes(), expected.sizes()) << name;
    EXPECT_LE(test::relative_difference(found, expected), bound) << name;
}

TEST(XrayToCtGolden, AttentionsEqualTorchsAndMonais) {
    WeightSource weights(0);
    const auto x = signed_values({2, 5, 32}, 1100), context = signed_values({2, 7, 24}, 1101);
    MultiHeadAttention self({.channels = 32, .context_channels = 32, .heads = 4}, weights);
    MultiHeadAttention cross({.channels = 32, .context_channels = 24, .heads = 4}, weights);
    set_weights(self);
    set_weights(cross);
    expect_golden(self.forward(x, x), "self");
    expect_golden(self.forward(x, x), "monai_self");
    expect_golden(cross.forward(x, context), "cross");
}

TEST(XrayToCtGolden, TheMlpEqualsMonais) {
    WeightSource weights(0);
    Mlp mlp(32, 128, 0.0, weights);
    set_weights(mlp);
    expect_golden(mlp.forward(signed_values({2, 5, 32}, 1100)), "mlp");
}

TEST(XrayToCtGolden, LevelsEqualMonaisTimestepEmbedding) {
    const auto levels = at::tensor({0, 1, 17, 500, 999}, at::kLong);
    expect_golden(level_features(levels, 6), "features_6", kFloatFeatures);
    expect_golden(level_features(levels, 256), "features_256", kFloatFeatures);
    EXPECT_TRUE(at::equal(level_features(levels.to(at::kFloat), 256), level_features(levels, 256)));
    WeightSource weights(0);
    LevelEmbedding embedding(8, weights);
    set_weights(embedding);
    expect_golden(embedding.forward(levels, signed_values({1}, 0)), "level_embedding", kFloatFeatures);
}

TEST(XrayToCtGolden, ATransformerBlockEqualsItsPartsInTorch) {
    WeightSource weights(0);
    VitBlock block({.channels = 32, .heads = 4, .context_channels = 24, .condition_channels = 16, .dropout_prob = 0},
                   weights);
    set_weights(block);
    const auto x = signed_values({2, 5, 32}, 1100).requires_grad_();
    const auto y = block.forward(x, signed_values({2, 7, 24}, 1101), signed_values({2, 16}, 1102));
    (y * signed_values(y.sizes(), 1103)).sum().backward();
    expect_golden(y, "vit_block");
    expect_golden(x.grad(), "vit_block_gradient");
}

TEST(XrayToCtGolden, ADecoderBlockEqualsItsPartsInTorch) {
    WeightSource weights(0);
    FusionBlock block({.in_channels = 12, .channels = 8, .condition_channels = 16}, weights);
    set_weights(block);
    const auto x = signed_values({2, 12, 2, 3, 2}, 1100).requires_grad_();
    const auto y = block.forward(x, signed_values({2, 8, 4, 6, 4}, 1101), signed_values({2, 16}, 1102));
    (y * signed_values(y.sizes(), 1103)).sum().backward();
    expect_golden(y, "fusion_block");
    expect_golden(x.grad(), "fusion_block_gradient");
}

TEST(XrayToCtGolden, TheXrayEncoderEqualsItsPartsInTorchViewByView) {
    WeightSource weights(0);
    XrayEncoder encoder({.img_size = 64}, nullptr, weights);
    set_weights(encoder);
    const auto seen = encoder.forward(signed_values({2, 2, 64, 64}, 1100));
    expect_golden(seen.maps.slice(2, 0, std::nullopt, 64), "encoder_maps");
    expect_golden(seen.tokens, "encoder_tokens");
    expect_golden(seen.condition, "encoder_condition");
}

TEST(XrayToCtGolden, TheLiftingEqualsTorchsOuterProductAndConvolution) {
    WeightSource weights(0);
    DepthLifting lifting({.in_channels = 16, .num_views = 2, .volume_size = {8, 6, 4}, .out_channels = 3}, weights);
    set_weights(lifting);
    const auto maps = signed_values({2, 2, 16, 5, 7}, 1100).requires_grad_();
    const auto volume = lifting.forward(maps);
    (volume * signed_values(volume.sizes(), 1103)).sum().backward();
    expect_golden(volume, "lifting");
    expect_golden(maps.grad(), "lifting_gradient");
}

TEST(XrayToCtGolden, TheNetworkEqualsItsPartsPutTogetherInTorch) {
    auto options = small_cascade();
    options.stages[1].vit_depth = 1;
    XrayToCt network(options, 1, 0);
    set_weights(network);
    const auto noisy = signed_values({2, 1, 8, 16, 8}, 1100).requires_grad_();
    const auto xrays = signed_values({2, 2, 64, 64}, 1101).requires_grad_();
    const auto previous = signed_values({2, 1, 4, 8, 4}, 1102).requires_grad_();
    const auto output =
        network.forward(noisy, at::tensor({17, 3}, at::kLong), xrays, previous, at::tensor({5, 0}, at::kLong));
    (output * signed_values(output.sizes(), 1103)).sum().backward();
    expect_golden(output, "network", kFewSteps);
    expect_golden(noisy.grad(), "network_gradient", kFewSteps);
    expect_golden(previous.grad(), "network_gradient_of_previous", kFewSteps);
    const auto some = xrays.grad().slice(2, 0, std::nullopt, 8).slice(3, 0, std::nullopt, 8);
    expect_golden(some, "network_gradient_of_xrays", kFewSteps);
}

}  // namespace
}  // namespace vox::nn
