// fast_ddpm_3d against MONAI's and torch's parts put together as published (tools/golden/fast_ddpm_3d.py): same names, same weights,
// same input, same timesteps, same loss.

#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "nn/golden_variant.hpp"
#include "nn/time_embedding.hpp"
#include "support/golden.hpp"

namespace vox::nn {
namespace {

using nlohmann::json;

std::shared_ptr<DenoisingModel> build(const json& golden, const Variant& variant) {
    const auto& c = golden.at("case");
    auto options = ModelOptions::of("fast_ddpm_3d");
    options.base_channels = c.at("base_channels");
    options.channel_multipliers = c.at("channel_multipliers").get<std::vector<int64_t>>();
    options.num_res_blocks = c.at("num_res_blocks");
    options.attention_levels = c.at("attention_levels").get<std::vector<int64_t>>();
    options.norm = c.at("norm");
    options.norm_groups = c.at("norm_groups");
    options.dropout_prob = 0;
    options.channels_last_3d = variant.channels_last_3d;
    options.activation_checkpointing = variant.activation_checkpointing;
    auto model = make_denoising_model(options, {.in_channels = c.at("shape").at(1), .out_channels = 1});
    model->to(variant.dtype);
    return model;
}

// The formula of tools/golden/fast_ddpm_3d.py.
void set_weights(DenoisingModel& model) {
    uint32_t i = 0;
    for (const auto& item : model.named_parameters()) {
        const auto& w = item.value();
        const auto u = test::uniform(w.sizes(), i++);
        const double fan_in = static_cast<double>(w.numel() / w.size(0));
        w.detach().copy_(w.dim() > 1                    ? (2 * u - 1) * std::sqrt(3 / fan_in)
                         : item.key().ends_with("bias") ? u - 0.5
                                                        : u + 0.5);
    }
}

at::Tensor timesteps_of(const json& golden, int64_t items) {
    return at::tensor(golden.at("timesteps").get<std::vector<int64_t>>()).slice(0, 0, items);
}

at::Tensor input_of(const json& golden) {
    return 2 * test::uniform(golden.at("case").at("shape").get<std::vector<int64_t>>(), 1000) - 1;
}

struct Run {
    std::shared_ptr<DenoisingModel> model;
    at::Tensor input, output;
    double loss;
};

Run forward_backward(const json& golden, const Variant& variant) {
    Run run{build(golden, variant), input_of(golden).to(variant.dtype).requires_grad_(), {}, 0};
    set_weights(*run.model);
    run.output = run.model->forward(run.input, timesteps_of(golden, run.input.size(0)));
    const auto loss = (run.output * (2 * test::uniform(run.output.sizes(), 1001) - 1).to(variant.dtype)).sum();
    loss.backward();
    run.loss = loss.item<double>();
    return run;
}

class FastDdpm3dGolden : public testing::TestWithParam<Variant> {};

// Golden arrays are stored as float32, which leaves 6e-8 in float64.
double forward_bound(const Variant& v) { return v.dtype == at::kDouble ? 1e-7 : 1e-5; }
double gradient_bound(const Variant& v) { return v.dtype == at::kDouble ? 1e-7 : 1e-4; }

TEST_P(FastDdpm3dGolden, OutputLossAndInputGradientEqualTheReference) {
    const auto golden = test::golden_json("fast_ddpm_3d_" + GetParam().golden);
    const auto run = forward_backward(golden, GetParam());
    test::GoldenArrays arrays("fast_ddpm_3d_" + GetParam().golden);
    EXPECT_LE(test::relative_difference(run.output, arrays.next(run.output.sizes())), forward_bound(GetParam()));
    EXPECT_LE(test::relative_difference(run.input.grad(), arrays.next(run.input.sizes())), gradient_bound(GetParam()));
    EXPECT_TRUE(arrays.at_end());
    const double size = std::sqrt(static_cast<double>(run.output.numel())) * run.output.norm().item<double>();
    EXPECT_NEAR(run.loss, golden.at("loss").get<double>(), forward_bound(GetParam()) * size);
}

TEST_P(FastDdpm3dGolden, GradientsProjectToTheReferences) {
    const auto golden = test::golden_json("fast_ddpm_3d_" + GetParam().golden);
    const auto run = forward_backward(golden, GetParam());
    const auto parameters = run.model->parameters();
    ASSERT_EQ(parameters.size(), golden.at("gradients").size());
    double whole_square = 0, difference_square = 0;
    for (const auto& g : golden.at("gradients")) whole_square += std::pow(g.at("norm").get<double>(), 2);
    for (size_t i = 0; i < parameters.size(); ++i) {
        const auto gradient = parameters[i].grad().to(at::kDouble).reshape(-1);
        const auto& expected = golden.at("gradients").at(i);
        const auto projections = expected.at("projections").get<std::vector<double>>();
        double square = 0;
        for (size_t j = 0; j < projections.size(); ++j) {
            const auto layer = static_cast<uint32_t>(10000 + projections.size() * i + j);
            const auto v = 2 * test::uniform({gradient.numel()}, layer) - 1;
            square += 3 * std::pow(v.dot(gradient).item<double>() - projections[j], 2) /
                      static_cast<double>(projections.size());
        }
        const double norm = expected.at("norm");
        // Per tensor; one that is next to nothing beside the whole (a bias before a normalisation: what others round) is measured
        // by the whole.
        const double scale = std::max(norm, 1e-3 * std::sqrt(whole_square));
        const auto& name = golden.at("parameters").at(i).at("name");
        EXPECT_LE(std::sqrt(square), 3 * gradient_bound(GetParam()) * scale) << name;
        EXPECT_NEAR(gradient.norm().item<double>(), norm, gradient_bound(GetParam()) * scale) << name;
        difference_square += square;
    }
    EXPECT_LE(std::sqrt(difference_square / whole_square), gradient_bound(GetParam()));
}

TEST_P(FastDdpm3dGolden, RunningStatisticsEqualTheReferences) {
    const auto golden = test::golden_json("fast_ddpm_3d_" + GetParam().golden);
    const auto run = forward_backward(golden, GetParam());
    const auto& expected = golden.at("buffers");
    EXPECT_EQ(expected.empty(), golden.at("case").at("norm") == "group");
    ASSERT_EQ(run.model->named_buffers().size(), expected.size());
    for (const auto& item : run.model->named_buffers()) {
        const auto& want = expected.at(item.key());
        const auto values = want.is_array() ? want.get<std::vector<double>>() : std::vector<double>{want.get<double>()};
        const auto got = item.value().to(at::kDouble).reshape(-1);
        ASSERT_EQ(got.numel(), static_cast<int64_t>(values.size())) << item.key();
        EXPECT_TRUE(got.allclose(at::tensor(values, at::kDouble), 1e-5, 1e-5)) << item.key();
    }
}

INSTANTIATE_TEST_SUITE_P(
    Variants, FastDdpm3dGolden,
    testing::Values(Variant{"group"}, Variant{"group", at::kDouble}, Variant{"group", at::kFloat, true, false},
                    Variant{"group", at::kDouble, true, true}, Variant{"attention"}, Variant{"attention", at::kDouble},
                    Variant{"attention", at::kFloat, true, false}, Variant{"attention", at::kDouble, false, true},
                    Variant{"batch"}, Variant{"batch", at::kDouble}, Variant{"batch", at::kDouble, true, true}),
    [](const auto& info) {
        const Variant& v = info.param;
        return v.golden + (v.dtype == at::kDouble ? "_fp64" : "_fp32") + (v.channels_last_3d ? "_channels_last" : "") +
               (v.activation_checkpointing ? "_checkpointed" : "");
    });

void expect_names(const DenoisingModel& model, const json& golden) {
    const auto parameters = model.named_parameters();
    ASSERT_EQ(parameters.size(), golden.at("parameters").size());
    int64_t count = 0;
    for (size_t i = 0; i < parameters.size(); ++i) {
        const auto& expected = golden.at("parameters").at(i);
        EXPECT_EQ(parameters[i].key(), expected.at("name").get<std::string>());
        EXPECT_EQ(parameters[i].value().sizes().vec(), expected.at("shape").get<std::vector<int64_t>>())
            << expected.at("name");
        count += parameters[i].value().numel();
    }
    EXPECT_EQ(count, golden.at("parameter_count").get<int64_t>());
}

TEST(FastDdpm3dGoldenNames, NamesShapesAndCountsEqualThePublished) {
    for (const std::string name : {"group", "attention", "batch", "published"}) {
        const auto golden = test::golden_json("fast_ddpm_3d_" + name);
        expect_names(*build(golden, {name}), golden);
    }
}

TEST(FastDdpm3dGoldenNames, TheDefaultsAreThePublishedNetwork) {
    const auto golden = test::golden_json("fast_ddpm_3d_published");
    const auto model = make_denoising_model(ModelOptions::of("fast_ddpm_3d"), {.in_channels = 4, .out_channels = 1});
    expect_names(*model, golden);
    EXPECT_EQ(golden.at("parameter_count"), 39731649);
    EXPECT_EQ(golden.at("narrow_parameter_count"), 1707073);
    set_weights(*model);
    model->eval();
    const at::NoGradGuard no_grad;
    const auto input = input_of(golden).to(at::kFloat);
    const auto output = model->forward(input, timesteps_of(golden, 1));
    test::GoldenArrays arrays("fast_ddpm_3d_published");
    EXPECT_LE(test::relative_difference(output, arrays.next(output.sizes())), 1e-5);
    // MONAI's embedding with the published order and frequencies, in its float32.
    const auto steps = at::tensor({0, 1, 99, 500, 999}, at::kLong);
    EXPECT_LE((sinusoidal_embedding(steps, 32) - arrays.next({5, 32})).abs().max().item<double>(), 1e-4);
    EXPECT_TRUE(arrays.at_end());
}

}  // namespace
}  // namespace vox::nn
