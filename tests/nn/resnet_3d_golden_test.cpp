// The 3-D ResNet against MONAI 1.6.1 (tools/golden/resnet_3d.py): same names, same weights, same input, same loss.

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "nn/resnet_3d_items.hpp"
#include "support/golden.hpp"

namespace vox::nn {
namespace {

using nlohmann::json;

struct Case {
    std::string name;
    at::ScalarType dtype = at::kDouble;
    bool channels_last_3d = false;
    bool activation_checkpointing = false;
    double forward_bound = 1e-7, gradient_bound = 1e-7;  // golden arrays are stored as float32
};

/// In MONAI's terms: what `options` of the script's cases say.
ResNet3dOptions options_of(const json& o, int64_t hidden_channels) {
    ResNet3dOptions options;
    options.architecture = o.at("architecture");
    options.block_inplanes = o.at("block_inplanes").get<std::vector<int64_t>>();
    options.conv1_t_size = o.at("conv1_t_size");
    options.conv1_t_stride = o.at("conv1_t_stride");
    options.no_max_pool = o.at("no_max_pool");
    options.shortcut_type = o.at("shortcut_type");
    options.bias_downsample = o.at("bias_downsample");
    options.norm = o.at("norm");
    options.norm_groups = 2;
    options.tabular.fusion = o.at("fusion");
    if (options.tabular.is_used()) options.tabular.hidden_channels = hidden_channels;
    return options;
}

at::Tensor signed_values(at::IntArrayRef sizes, uint32_t layer) { return 2 * test::uniform(sizes, layer) - 1; }

// The formula of the script.
void set_weights(ResNet3d& network) {
    const at::NoGradGuard no_grad;
    const auto all = test::uniform({network.parameter_count()}, 1500);
    int64_t at = 0;
    for (const auto& item : network.named_parameters()) {
        const auto& p = item.value();
        const auto u = all.narrow(0, at, p.numel()).view(p.sizes());
        at += p.numel();
        const double fan_in = static_cast<double>(p.numel()) / static_cast<double>(p.size(0));
        if (p.dim() > 1) {
            p.copy_((2 * u - 1) * std::sqrt(3 / fan_in));
        } else {
            p.copy_(item.key().ends_with("bias") ? u - 0.5 : u + 0.5);
        }
    }
}

class ResNet3dGolden : public testing::TestWithParam<Case> {
protected:
    void SetUp() override {
        const auto content = test::golden_json("resnet_3d");
        golden_ = content.at("cases").at(GetParam().name);
        const auto& o = golden_.at("options");
        auto options = options_of(o, golden_.at("hidden_channels"));
        options.channels_last_3d = GetParam().channels_last_3d;
        options.activation_checkpointing = GetParam().activation_checkpointing;
        const auto shape = o.at("shape").get<std::vector<int64_t>>();
        const int64_t columns = o.at("columns");
        const ModelContext context{.in_channels = shape[1], .out_channels = o.at("num_classes"), .seed = 1};
        network_ = std::make_shared<ResNet3d>(options, context, columns);
        network_->to(GetParam().dtype);
        set_weights(*network_);
        volume_ = signed_values(shape, 1501).to(GetParam().dtype).requires_grad_();
        if (columns > 0) row_ = signed_values({shape[0], columns}, 1502).to(GetParam().dtype).requires_grad_();
    }

    json golden_;
    std::shared_ptr<ResNet3d> network_;
    at::Tensor volume_, row_;
};

void expect_near(const at::Tensor& found, const at::Tensor& expected, double bound, const std::string& what) {
    EXPECT_LE(test::relative_difference(found, expected), bound) << what;
    EXPECT_LE((found.detach().to(at::kDouble) - expected).abs().max().item<double>(),
              10 * bound * expected.abs().max().item<double>())
        << what;
}

TEST_P(ResNet3dGolden, NamesAndShapesAreMonais) {
    auto expected = golden_.at("state_dict").get<std::vector<std::string>>();
    std::ranges::sort(expected);
    EXPECT_EQ(state_lines(*network_), expected);
}

TEST_P(ResNet3dGolden, ATrainingStepAndWhatIsEvaluatedAfterItEqualMonais) {
    const double forward = GetParam().forward_bound, gradient = GetParam().gradient_bound;
    test::GoldenArrays arrays("resnet_3d_" + GetParam().name);
    const auto seen = network_->features(volume_);
    const auto output = network_->head(seen, row_);
    (output * signed_values(output.sizes(), 1503).to(output.scalar_type())).sum().backward();
    expect_near(output, arrays.next(output.sizes()), forward, "output");
    ASSERT_EQ(seen.size(1), network_->feature_count());
    expect_near(seen, arrays.next(seen.sizes()), forward, "features");
    expect_near(volume_.grad(), arrays.next(volume_.sizes()), gradient, "gradient of the volume");
    if (row_.defined()) {
        expect_near(row_.grad(), arrays.next(row_.sizes()), gradient, "gradient of the table");
    }
    std::vector<at::Tensor> expected, found;
    for (const auto& item : network_->named_parameters()) {
        expected.push_back(arrays.next(item.value().sizes()).reshape(-1));
        found.push_back(item.value().grad().to(at::kDouble).reshape(-1));
    }
    const double whole = at::cat(expected).norm().item<double>();
    // One that is next to nothing beside the whole is measured by the whole: of a bias before a normalisation nothing but
    // rounding is left.
    const double least = whole * (GetParam().dtype == at::kDouble ? 1e-6 : 1e-4);
    EXPECT_LE(test::relative_difference(at::cat(found), at::cat(expected)), gradient);
    for (size_t i = 0; i < found.size(); ++i) {
        const double scale = std::max(expected[i].norm().item<double>(), least);
        EXPECT_LE((found[i] - expected[i]).norm().item<double>(), 3 * gradient * scale)
            << network_->named_parameters().keys()[i];
    }
    for (const auto& item : network_->named_buffers()) {
        if (item.key().ends_with("num_batches_tracked")) {
            EXPECT_EQ(item.value().item<int64_t>(), 1) << item.key();
            continue;
        }
        expect_near(item.value(), arrays.next(item.value().sizes()), forward, item.key());
    }
    network_->eval();
    const auto evaluated = network_->forward(volume_, row_);
    expect_near(evaluated, arrays.next(evaluated.sizes()), forward, "output in evaluation");
    EXPECT_TRUE(arrays.at_end());
}

INSTANTIATE_TEST_SUITE_P(Cases, ResNet3dGolden,
                         testing::Values(Case{"basic"}, Case{"basic", at::kDouble, true, true},
                                         Case{"basic", at::kFloat, false, false, 1e-5, 1e-4}, Case{"bottleneck"},
                                         Case{"bottleneck", at::kDouble, false, true},
                                         Case{"bottleneck", at::kDouble, true, false},
                                         Case{"bottleneck", at::kFloat, false, false, 1e-3, 1e-3}, Case{"shortcut_a"},
                                         Case{"shortcut_a", at::kDouble, true, true}, Case{"shortcut_a_bottleneck"},
                                         Case{"options"}, Case{"options", at::kDouble, true, true}, Case{"group"},
                                         Case{"instance"}, Case{"instance", at::kFloat, true, false, 1e-4, 1e-4},
                                         Case{"concatenation"}, Case{"film"}, Case{"film", at::kDouble, false, true}),
                         [](const auto& info) {
                             const Case& c = info.param;
                             return c.name + (c.dtype == at::kDouble ? "_fp64" : "_fp32") +
                                    (c.channels_last_3d ? "_channels_last" : "") +
                                    (c.activation_checkpointing ? "_checkpointed" : "");
                         });

/// FNV-1a, as in the script.
std::string digest(const std::vector<std::string>& lines) {
    uint64_t value = 0xCBF29CE484222325;
    for (const auto& line : lines) {
        for (const char c : line + "\n") value = (value ^ static_cast<uint8_t>(c)) * 0x100000001B3;
    }
    std::ostringstream text;
    text << std::hex << std::setw(16) << std::setfill('0') << value;
    return text.str();
}

TEST(ResNet3dNetworks, HaveMonaisParametersAndNamesInFullSize) {
    const auto content = test::golden_json("resnet_3d");
    for (const auto& golden : content.at("networks")) {
        ResNet3dOptions options;
        options.architecture = golden.at("architecture");
        options.shortcut_type = golden.at("shortcut_type");
        options.bias_downsample = golden.at("bias_downsample");
        const ResNet3d network(options, {.in_channels = 1, .out_channels = 1});
        EXPECT_EQ(network.parameter_count(), golden.at("parameter_count")) << golden;
        const auto lines = state_lines(network);
        EXPECT_EQ(lines.size(), golden.at("tensors")) << golden;
        EXPECT_EQ(digest(lines), golden.at("names")) << golden << core::join(lines, "\n");
    }
}

}  // namespace
}  // namespace vox::nn
