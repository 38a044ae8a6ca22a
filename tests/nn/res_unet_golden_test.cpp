// The residual U-Net against MONAI 1.6.1 (tools/golden/res_unet.py): same names, same weights, same input, same loss; in training
// mode with dropout 0, then in evaluation with the running statistics that training left.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "nn/golden_variant.hpp"
#include "support/golden.hpp"

namespace vox::nn {
namespace {

using nlohmann::json;

std::shared_ptr<Model> build(const json& golden, const Variant& variant) {
    const auto& c = golden.at("case");
    auto options = ModelOptions::of("unet");
    options.channels = c.at("channels").get<std::vector<int64_t>>();
    options.strides = c.at("strides").get<std::vector<int64_t>>();
    options.num_res_units = c.at("num_res_units");
    options.norm = c.at("norm");
    return make_variant(options, {.in_channels = c.at("in_channels"), .out_channels = c.at("out_channels")}, variant);
}

// The formula of tools/golden/res_unet.py.
at::Tensor weights_of(const std::string& name, const at::Tensor& parameter, uint32_t stream) {
    const auto u = test::uniform(parameter.sizes(), stream);
    if (parameter.dim() == 5) {
        const double fan_in = static_cast<double>(parameter.numel() / parameter.size(0));
        return (2 * u - 1) * std::sqrt(3 / fan_in);
    }
    if (name.ends_with(".A.weight")) return u / 2;
    return name.ends_with("bias") ? u - 0.5 : u + 0.5;
}

void set_weights(Model& model) {
    uint32_t stream = 0;
    for (const auto& item : model.named_parameters()) {
        item.value().detach().copy_(weights_of(item.key(), item.value(), stream++));
    }
}

struct Run {
    at::Tensor output, input_gradient;
    std::vector<at::Tensor> gradients;
};

Run forward_backward(Model& model, const json& golden, const Variant& variant, bool training) {
    model.train(training);
    model.zero_grad();
    const auto shape = golden.at("case").at("shape").get<std::vector<int64_t>>();
    const auto x = (2 * test::uniform(shape, 900) - 1).to(variant.dtype).requires_grad_();
    const auto y = model.forward(x);
    (y * (2 * test::uniform(y.sizes(), 901) - 1).to(variant.dtype)).sum().backward();
    return {y.detach(), x.grad(), gradients(model)};
}

/// Estimates ||a - b||, where b is MONAI's and only known by its products with the vectors of streams `first`, `first` + 1, ...
double estimated_difference(const at::Tensor& a, const json& summary, uint32_t first) {
    const auto projections = summary.at("projections").get<std::vector<double>>();
    double square = 0;
    for (const double expected : projections) {
        const auto v = 2 * test::uniform({a.numel()}, first++) - 1;
        square += 3 * std::pow(v.dot(a.to(at::kDouble).reshape(-1)).item<double>() - expected, 2);
    }
    return std::sqrt(square / static_cast<double>(projections.size()));
}

void expect_like(const at::Tensor& a, const json& summary, uint32_t first, double bound) {
    const double norm = summary.at("norm");
    EXPECT_LE(estimated_difference(a, summary, first), bound * norm);
    EXPECT_NEAR(a.to(at::kDouble).norm().item<double>(), norm, bound * norm);
}

// A value within rounding of zero may fall on the other side of PReLU's kink, where its slope is another.  Among the millions of
// activations of the published network some do: MONAI's own float32 gradients are 7e-4 from its float64 ones.
constexpr double smooth_bound = 1e-4;

/// All gradients together; and where no kink shows, each by itself, unless it is next to nothing beside the whole (a bias
/// before batch normalisation has none).
void expect_gradients_like(const std::vector<at::Tensor>& gradients, const json& golden, const json& summaries,
                           double bound) {
    ASSERT_EQ(gradients.size(), summaries.size());
    double whole_square = 0, difference_square = 0;
    for (const auto& s : summaries) whole_square += std::pow(s.at("norm").get<double>(), 2);
    for (size_t i = 0; i < gradients.size(); ++i) {
        const auto& summary = summaries.at(i);
        const auto first = static_cast<uint32_t>(1000 + summary.at("projections").size() * i);
        const double difference = estimated_difference(gradients[i], summary, first);
        const double norm = summary.at("norm");
        const bool by_itself = bound <= smooth_bound && norm > 1e-6 * std::sqrt(whole_square);
        const double scale = by_itself ? norm : std::sqrt(whole_square);
        EXPECT_LE(difference, 3 * bound * scale) << golden.at("parameters").at(i);
        EXPECT_NEAR(gradients[i].norm().item<double>(), norm, bound * scale) << golden.at("parameters").at(i);
        difference_square += difference * difference;
    }
    EXPECT_LE(std::sqrt(difference_square / whole_square), bound);
}

void expect_whole(const Run& run, test::GoldenArrays& arrays, double forward_bound, double gradient_bound) {
    const auto output = arrays.next(run.output.sizes());
    EXPECT_LE(test::relative_difference(run.output, output), forward_bound);
    EXPECT_LE((run.output.to(at::kDouble) - output).abs().max().item<double>(),
              forward_bound * output.abs().max().item<double>());
    EXPECT_LE(test::relative_difference(run.input_gradient, arrays.next(run.input_gradient.sizes())), gradient_bound);
    double whole_square = 0, difference_square = 0;
    for (const auto& gradient : run.gradients) {
        const auto expected = arrays.next(gradient.sizes());
        whole_square += expected.square().sum().item<double>();
        difference_square += (gradient - expected).square().sum().item<double>();
    }
    EXPECT_LE(std::sqrt(difference_square / whole_square), gradient_bound);
}

void expect_buffers(const Model& model, const json& expected) {
    const auto buffers = model.named_buffers();
    ASSERT_EQ(buffers.size(), expected.size());
    for (const auto& item : buffers) {
        const auto& want = expected.at(item.key());
        const auto values = want.is_array() ? want.get<std::vector<double>>() : std::vector<double>{want.get<double>()};
        const auto got = item.value().to(at::kDouble).reshape(-1);
        ASSERT_EQ(got.numel(), static_cast<int64_t>(values.size())) << item.key();
        for (size_t i = 0; i < values.size(); ++i) {
            EXPECT_NEAR(got[static_cast<int64_t>(i)].item<double>(), values[i], 1e-5 * (1 + std::abs(values[i])))
                << item.key();
        }
    }
}

class ResUNetGolden : public testing::TestWithParam<Variant> {};

TEST_P(ResUNetGolden, OutputsGradientsAndBuffersEqualMonais) {
    const auto& variant = GetParam();
    const std::string name = "res_unet_" + variant.golden;
    const auto golden = test::golden_json(name);
    const bool kept_whole = golden.contains("buffers");
    // Golden arrays are stored as float32, which leaves 6e-8 in float64.
    const double forward_bound = variant.dtype == at::kDouble ? 1e-7 : 1e-5;
    const auto model = build(golden, variant);
    set_weights(*model);
    std::unique_ptr<test::GoldenArrays> arrays;
    if (kept_whole) arrays = std::make_unique<test::GoldenArrays>(name);
    for (const bool training : {true, false}) {
        SCOPED_TRACE(training ? "training" : "evaluation");
        const auto& expected = golden.at(training ? "training" : "evaluation");
        const double reference = expected.at("float32_error_of_the_reference").at("gradient");
        const double gradient_bound = variant.dtype == at::kDouble ? 1e-7 : std::max(smooth_bound, 3 * reference);
        const auto run = forward_backward(*model, golden, variant, training);
        expect_like(run.output, expected.at("output"), 902, forward_bound);
        expect_like(run.input_gradient, expected.at("input_gradient"), 910, gradient_bound);
        expect_gradients_like(run.gradients, golden, expected.at("gradients"), gradient_bound);
        if (kept_whole) expect_whole(run, *arrays, forward_bound, gradient_bound);
    }
    if (!kept_whole) return;
    EXPECT_TRUE(arrays->at_end());
    expect_buffers(*model, golden.at("buffers"));
}

INSTANTIATE_TEST_SUITE_P(Variants, ResUNetGolden,
                         testing::Values(Variant{"narrow"}, Variant{"narrow", at::kDouble},
                                         Variant{"narrow", at::kFloat, true, false},
                                         Variant{"narrow", at::kFloat, false, true},
                                         Variant{"narrow", at::kDouble, true, true}, Variant{"stride1"},
                                         Variant{"stride1", at::kDouble}, Variant{"stride1", at::kDouble, true, true},
                                         Variant{"tumour"}, Variant{"tumour", at::kDouble, true, true}),
                         [](const auto& info) {
                             const Variant& v = info.param;
                             return v.golden + (v.dtype == at::kDouble ? "_fp64" : "_fp32") +
                                    (v.channels_last_3d ? "_channels_last" : "") +
                                    (v.activation_checkpointing ? "_checkpointed" : "");
                         });

/// state_dict lists a module's parameters before its buffers, module by module: so names and shapes are compared by name.
void expect_state(const Model& model, const json& expected) {
    const auto parameters = model.named_parameters(), buffers = model.named_buffers();
    for (const auto& entry : expected) {
        const std::string key = entry.at("name");
        const auto* p = parameters.find(key);
        const auto* b = buffers.find(key);
        ASSERT_TRUE(p || b) << key;
        EXPECT_EQ((p ? *p : *b).sizes().vec(), entry.at("shape").get<std::vector<int64_t>>()) << key;
    }
    EXPECT_EQ(expected.size(), parameters.size() + buffers.size());
}

TEST(ResUNetGoldenNames, NamesShapesAndCountEqualMonais) {
    for (const std::string name : {"narrow", "stride1", "tumour"}) {
        const auto golden = test::golden_json("res_unet_" + name);
        const auto model = build(golden, {name});
        std::vector<std::string> parameters;
        for (const auto& item : model->named_parameters()) parameters.push_back(item.key());
        EXPECT_EQ(parameters, golden.at("parameters").get<std::vector<std::string>>());
        expect_state(*model, golden.at("state_dict"));
        EXPECT_EQ(model->parameter_count(), golden.at("parameter_count").get<int64_t>());
    }
}

TEST(ResUNetGoldenNames, TheDefaultsAreTheNetworksOfProstate158) {
    const auto golden = test::golden_json("res_unet_tumour");
    const auto tumour = make_model(ModelOptions::of("unet"), {.in_channels = 3, .out_channels = 2});
    expect_state(*tumour, golden.at("state_dict"));
    EXPECT_EQ(tumour->parameter_count(), 38166085);
    const auto anatomy = make_model(ModelOptions::of("unet"), {.in_channels = 1, .out_channels = 3});
    expect_state(*anatomy, golden.at("anatomy").at("state_dict"));
    EXPECT_EQ(anatomy->parameter_count(), 38165360);
    EXPECT_EQ(golden.at("parameter_count"), 38166085);
    EXPECT_EQ(golden.at("anatomy").at("parameter_count"), 38165360);
}

}  // namespace
}  // namespace vox::nn
