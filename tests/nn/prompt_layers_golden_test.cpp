// What reads prompts and words answers against torch's transformer layers and MONAI's positions (tools/golden/prompt_layers.py).

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "nn/point_encoder.hpp"
#include "nn/position_head.hpp"
#include "nn/text_encoder.hpp"
#include "nn/transformer_block.hpp"
#include "support/golden.hpp"

namespace vox::nn {
namespace {

constexpr double kBound = 1e-7;  // golden arrays are stored as float32
constexpr double kFloat = 1e-5;  // MONAI's positions are float32
constexpr int64_t kChannels = 16, kHeads = 4;

at::Tensor golden(const std::string& name) {
    static const auto shapes = test::golden_json("prompt_layers").at("shapes");
    test::GoldenArrays arrays("prompt_layers");
    for (const auto& [key, sizes] : shapes.items()) {
        const auto values = arrays.next(sizes.get<std::vector<int64_t>>());
        if (key == name) return values;
    }
    throw std::runtime_error("no golden array " + name);
}

// The formulas of the script.
at::Tensor signed_values(at::IntArrayRef sizes, uint32_t layer) { return 2 * test::uniform(sizes, layer) - 1; }

std::map<std::string, at::Tensor> sorted_parameters(const torch::nn::Module& module) {
    std::map<std::string, at::Tensor> sorted;
    for (const auto& item : module.named_parameters()) sorted[item.key()] = item.value();
    return sorted;
}

void set_weights(torch::nn::Module& module) {
    module.to(at::kDouble);
    const at::NoGradGuard no_grad;
    uint32_t layer = 1730;
    for (const auto& [name, tensor] : sorted_parameters(module)) {
        const auto u = test::uniform(tensor.sizes(), layer++);
        const double fan_in = static_cast<double>(tensor.numel()) / static_cast<double>(tensor.size(0));
        if (tensor.dim() > 1) {
            tensor.copy_((2 * u - 1) * std::sqrt(3 / fan_in));
        } else {
            tensor.copy_(name.ends_with("weight") ? u + 0.5 : u - 0.5);
        }
    }
}

void expect_near(const at::Tensor& found, const std::string& name, double bound = kBound) {
    const auto expected = golden(name);
    ASSERT_EQ(found.sizes(), expected.sizes()) << name;
    EXPECT_LE(test::relative_difference(found, expected), bound) << name;
}

// The output, and the gradients of inputs and parameters.
void expect_all(const std::string& name, const torch::nn::Module& module, const at::Tensor& output,
                const std::vector<at::Tensor>& inputs) {
    expect_near(output, name);
    (output * signed_values(output.sizes(), 1723)).sum().backward();
    for (size_t i = 0; i < inputs.size(); ++i) expect_near(inputs[i].grad(), name + "_input" + std::to_string(i));
    std::vector<at::Tensor> gradients;
    for (const auto& [key, tensor] : sorted_parameters(module)) gradients.push_back(tensor.grad().flatten());
    expect_near(at::cat(gradients), name + "_parameters");
}

at::Tensor seen() { return at::tensor({1, 1, 1, 1, 0, 0, 1, 0, 1, 0, 1, 0}, at::kLong).to(at::kBool).view({2, 6}); }

at::Tensor words() { return at::tensor({1, 5, 3, 10, 2, 0, 0, 1, 4, 4, 7, 9, 6, 2}, at::kLong).view({2, 7}); }

at::Tensor answers() { return at::tensor({1, 8, 3, 2, 0, 1, 9, 10, 5, 2}, at::kLong).view({2, 5}); }

TextShape text_shape() {
    return {.vocabulary_size = 11, .most_tokens = 7, .channels = kChannels, .heads = kHeads, .blocks = 2};
}

TEST(PromptLayersGolden, ImageTokensAttendToAPromptAsInTorch) {
    WeightSource weights(0);
    TransformerBlock block(
        {.channels = kChannels, .heads = kHeads, .self_attention = false, .context_channels = kChannels}, weights);
    set_weights(block);
    const auto x = signed_values({2, 5, kChannels}, 1720).requires_grad_();
    const auto context = signed_values({2, 6, kChannels}, 1721).requires_grad_();
    const auto y = block.forward(x, context, {.context = seen().unsqueeze(1).unsqueeze(1)});
    expect_all("fusion", block, y, {x, context});
}

TEST(PromptLayersGolden, ABlockOfBothAttentionsIsTorchsDecoderLayer) {
    WeightSource weights(0);
    TransformerBlock block({.channels = kChannels, .heads = kHeads, .context_channels = kChannels}, weights);
    set_weights(block);
    const auto x = signed_values({2, 5, kChannels}, 1720).requires_grad_();
    const auto context = signed_values({2, 6, kChannels}, 1721).requires_grad_();
    const auto y = block.forward(x, context, {.context = seen().unsqueeze(1).unsqueeze(1)});
    expect_all("self_and_cross", block, y, {x, context});
}

TEST(PromptLayersGolden, TheTextEncoderIsTorchsWithPaddingMasked) {
    WeightSource weights(0);
    TextEncoder encoder(text_shape(), weights);
    set_weights(encoder);
    const auto there = words().ne(0).unsqueeze(2).to(at::kDouble);
    expect_all("text", encoder, encoder.forward(words()) * there, {});
}

TEST(PromptLayersGolden, TheAnswerDecoderIsTorchsWithACausalMask) {
    WeightSource weights(0);
    AnswerDecoder decoder(text_shape(), weights);
    set_weights(decoder);
    const auto context = signed_values({2, 6, kChannels}, 1721).requires_grad_();
    expect_all("answer", decoder, decoder.forward(answers(), context, seen()), {context});
}

TEST(PromptLayersGolden, ThePositionHeadIsTorchsAttention) {
    WeightSource weights(0);
    PositionHead head(kChannels, kHeads, 9, weights);
    set_weights(head);
    const auto x = signed_values({2, 5, kChannels}, 1720).requires_grad_();
    expect_all("position", head, head.forward(x), {x});
}

TEST(PromptLayersGolden, PlacesAreThoseOfMonaisVista3d) {
    WeightSource weights(0);
    FourierFeatures places(kChannels, weights);
    places.to(at::kDouble);
    places.named_buffers()["frequencies"].copy_(2 * signed_values({3, kChannels / 2}, 1722));
    expect_near(places.of_grid({2, 3, 5}), "grid", kFloat);
    const auto points = test::uniform({2, 4, 3}, 1724);
    expect_near(places.of_points(points), "points", kFloat);
    PointEncoder encoder(kChannels, weights);
    encoder.to(at::kDouble);
    const auto kinds = at::tensor({0, 1, 2, 3, 3, -1, 1, 0}, at::kLong).view({2, 4});
    const auto tokens = encoder.forward(points, kinds, places);
    const auto vectors = encoder.named_parameters()["kinds"];
    for (int64_t b = 0; b < 2; ++b) {
        for (int64_t n = 0; n < 4; ++n) {
            const int64_t kind = kinds[b][n].item<int64_t>();
            if (kind < 0) continue;
            EXPECT_LE(test::relative_difference(tokens[b][n] - vectors[kind], golden("points")[b][n]), kFloat);
        }
    }
}

}  // namespace
}  // namespace vox::nn
