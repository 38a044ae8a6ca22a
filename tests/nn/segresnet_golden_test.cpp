// SegResNet against MONAI 1.6.1 (tools/golden/segresnet.py): same names, same weights, same input, same loss.

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
    ModelOptions options;
    options.init_filters = c.at("init_filters");
    options.blocks_down = c.at("blocks_down").get<std::vector<int64_t>>();
    options.blocks_up = c.at("blocks_up").get<std::vector<int64_t>>();
    options.norm = c.at("norm");
    return make_variant(options, {.in_channels = c.at("shape").at(1), .out_channels = 3}, variant);
}

// The formula of tools/golden/segresnet.py.
void set_weights(Model& model) {
    uint32_t i = 0;
    for (const auto& item : model.named_parameters()) {
        const auto u = test::uniform(item.value().sizes(), i++);
        const auto& w = item.value();
        const bool is_bias = item.key().ends_with("bias");
        const double fan_in = w.dim() == 5 ? static_cast<double>(w.numel() / w.size(0)) : 0.0;
        w.detach().copy_(w.dim() == 5 ? (2 * u - 1) * std::sqrt(3 / fan_in) : is_bias ? u - 0.5 : u + 0.5);
    }
}

struct Run {
    std::shared_ptr<Model> model;
    at::Tensor input, output;
};

Run forward_backward(const json& golden, const Variant& variant) {
    Run run{build(golden, variant), {}, {}};
    set_weights(*run.model);
    const auto shape = golden.at("case").at("shape").get<std::vector<int64_t>>();
    run.input = (2 * test::uniform(shape, 900) - 1).to(variant.dtype).requires_grad_();
    run.output = run.model->forward(run.input);
    (run.output * (2 * test::uniform(run.output.sizes(), 901) - 1).to(variant.dtype)).sum().backward();
    return run;
}

class SegResNetGolden : public testing::TestWithParam<Variant> {};

// Golden arrays are stored as float32, which leaves 6e-8 in float64.
double forward_bound(const Variant& v) { return v.dtype == at::kDouble ? 1e-7 : 1e-5; }
double gradient_bound(const Variant& v) { return v.dtype == at::kDouble ? 1e-7 : 1e-4; }

TEST_P(SegResNetGolden, ForwardAndInputGradientEqualMonai) {
    const auto golden = test::golden_json("segresnet_" + GetParam().golden);
    const auto run = forward_backward(golden, GetParam());
    test::GoldenArrays arrays("segresnet_" + GetParam().golden);
    const auto output = arrays.next(run.output.sizes());
    EXPECT_LE(test::relative_difference(run.output, output), forward_bound(GetParam()));
    EXPECT_LE((run.output.detach().to(at::kDouble) - output).abs().max().item<double>(),
              forward_bound(GetParam()) * output.abs().max().item<double>());
    EXPECT_LE(test::relative_difference(run.input.grad(), arrays.next(run.input.sizes())), gradient_bound(GetParam()));
}

// Three times the mean square of the projections' differences estimates ||g1 - g2||^2 of a tensor; summed over tensors, that
// of the whole gradient.
TEST_P(SegResNetGolden, GradientsProjectToMonais) {
    const auto golden = test::golden_json("segresnet_" + GetParam().golden);
    const auto run = forward_backward(golden, GetParam());
    const auto all = gradients(*run.model);
    ASSERT_EQ(all.size(), golden.at("gradients").size());
    double whole_square = 0;
    for (const auto& g : golden.at("gradients")) whole_square += std::pow(g.at("norm").get<double>(), 2);
    double difference_square = 0;
    for (size_t i = 0; i < all.size(); ++i) {
        const auto& expected = golden.at("gradients").at(i);
        const auto projections = expected.at("projections").get<std::vector<double>>();
        double tensor_square = 0;
        for (size_t j = 0; j < projections.size(); ++j) {
            const auto layer = static_cast<uint32_t>(1000 + projections.size() * i + j);
            const auto v = 2 * test::uniform({all[i].numel()}, layer) - 1;
            const double d = v.dot(all[i].reshape(-1)).item<double>() - projections[j];
            tensor_square += 3 * d * d / static_cast<double>(projections.size());
        }
        const double norm = expected.at("norm");
        // Per tensor; one that is next to nothing beside the whole is measured by the whole.
        const double scale = std::max(norm, 1e-6 * std::sqrt(whole_square));
        EXPECT_LE(std::sqrt(tensor_square), 3 * gradient_bound(GetParam()) * scale) << expected.at("name");
        EXPECT_NEAR(all[i].norm().item<double>(), norm, gradient_bound(GetParam()) * scale) << expected.at("name");
        difference_square += tensor_square;
    }
    EXPECT_LE(std::sqrt(difference_square / whole_square), gradient_bound(GetParam()));
}

TEST_P(SegResNetGolden, RunningStatisticsEqualMonais) {
    const auto golden = test::golden_json("segresnet_" + GetParam().golden);
    const auto run = forward_backward(golden, GetParam());
    const auto& expected = golden.at("buffers");
    ASSERT_EQ(run.model->named_buffers().size(), expected.size());
    for (const auto& item : run.model->named_buffers()) {
        const auto& want = expected.at(item.key());
        const auto got = item.value().to(at::kDouble).reshape(-1);
        const auto values = want.is_array() ? want.get<std::vector<double>>() : std::vector<double>{want.get<double>()};
        ASSERT_EQ(got.numel(), static_cast<int64_t>(values.size())) << item.key();
        for (size_t i = 0; i < values.size(); ++i) {
            EXPECT_NEAR(got[static_cast<int64_t>(i)].item<double>(), values[i], 1e-5 * (1 + std::abs(values[i])))
                << item.key();
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Variants, SegResNetGolden,
                         testing::Values(Variant{"narrow"}, Variant{"narrow", at::kDouble},
                                         Variant{"narrow", at::kFloat, true, false},
                                         Variant{"narrow", at::kFloat, false, true},
                                         Variant{"narrow", at::kDouble, true, true}, Variant{"brats"},
                                         Variant{"brats", at::kDouble}, Variant{"brats", at::kFloat, true, true},
                                         Variant{"batch"}, Variant{"batch", at::kDouble, false, true},
                                         Variant{"instance"}, Variant{"instance", at::kDouble}),
                         [](const auto& info) {
                             const Variant& v = info.param;
                             return v.golden + (v.dtype == at::kDouble ? "_fp64" : "_fp32") +
                                    (v.channels_last_3d ? "_channels_last" : "") +
                                    (v.activation_checkpointing ? "_checkpointed" : "");
                         });

TEST(SegResNetGoldenWhole, EveryGradientOfTheNarrowNetEqualsMonais) {
    const auto golden = test::golden_json("segresnet_narrow");
    const auto run = forward_backward(golden, {"narrow"});
    test::GoldenArrays arrays("segresnet_narrow");
    arrays.next(run.output.sizes());
    arrays.next(run.input.sizes());
    double difference_square = 0, whole_square = 0;
    for (const auto& item : run.model->named_parameters()) {
        const auto expected = arrays.next(item.value().sizes());
        const auto difference = (item.value().grad().to(at::kDouble) - expected).norm().item<double>();
        EXPECT_LE(difference, 1e-4 * expected.norm().item<double>()) << item.key();
        difference_square += difference * difference;
        whole_square += std::pow(expected.norm().item<double>(), 2);
    }
    EXPECT_TRUE(arrays.at_end());
    EXPECT_LE(std::sqrt(difference_square / whole_square), 1e-4);
}

// state_dict lists a module's parameters before its buffers, module by module: so names and shapes are compared by name.
TEST(SegResNetGoldenNames, NamesShapesAndCountEqualMonais) {
    for (const std::string name : {"brats", "narrow", "batch", "instance"}) {
        const auto golden = test::golden_json("segresnet_" + name);
        const auto model = build(golden, {name});
        std::vector<std::string> parameters, expected_parameters;
        const auto named_parameters = model->named_parameters();
        const auto named_buffers = model->named_buffers();
        for (const auto& item : named_parameters) parameters.push_back(item.key());
        for (const auto& g : golden.at("gradients")) expected_parameters.push_back(g.at("name"));
        EXPECT_EQ(parameters, expected_parameters);
        for (const auto& entry : golden.at("state_dict")) {
            const std::string key = entry.at("name");
            const auto* p = named_parameters.find(key);
            const auto* b = named_buffers.find(key);
            ASSERT_TRUE(p || b) << key;
            EXPECT_EQ((p ? *p : *b).sizes().vec(), entry.at("shape").get<std::vector<int64_t>>()) << key;
        }
        EXPECT_EQ(golden.at("state_dict").size(), named_parameters.size() + named_buffers.size());
        EXPECT_EQ(model->parameter_count(), golden.at("parameter_count").get<int64_t>());
    }
    EXPECT_EQ(make_model({}, {})->parameter_count(), 4702227);
}

}  // namespace
}  // namespace vox::nn
