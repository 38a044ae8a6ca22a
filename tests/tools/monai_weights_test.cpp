// Weights of MONAI's ResNets through tools/export_monai_weights.py into ours, by name: the same output.

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "checkpoint/load.hpp"
#include "nn/resnet_3d.hpp"
#include "support/oracle.hpp"
#include "support/temporary_folder.hpp"

namespace vox::nn {
namespace {

struct Case {
    std::string architecture, shortcut_type;
    bool bias_downsample, head, reverse_axes;
};

class MonaiWeights : public testing::TestWithParam<Case> {};

checkpoint::NamedTensors before_the_head(const torch::nn::Module& network) {
    checkpoint::NamedTensors some;
    for (const auto& one : checkpoint::module_state(network)) {
        if (!ResNet3d::is_of_head(one.name)) some.push_back(one);
    }
    return some;
}

TEST_P(MonaiWeights, LoadByNameAndGiveMonaisOutput) {
    if (!test::has_oracle()) GTEST_SKIP() << "no Python with MONAI";
    const Case& c = GetParam();
    const test::TemporaryFolder folder;
    const auto path = [&](const char* name) { return (folder.path() / name).string(); };
    const auto flag = [](bool value) { return value ? " 1" : " 0"; };
    ASSERT_EQ(test::run_oracle("tests/tools/make_monai_resnet.py", "'" + folder.path().string() + "' " +
                                                                       c.architecture + " " + c.shortcut_type +
                                                                       flag(c.bias_downsample) + flag(c.head)),
              0);
    ASSERT_EQ(
        test::run_oracle("tools/export_monai_weights.py", "'" + path("weights.pt") + "' '" + path("w.safetensors") +
                                                              "'" + (c.reverse_axes ? " --reverse-axes" : "")),
        0);
    std::map<std::string, at::Tensor> expected;
    for (const auto& [name, value] : checkpoint::load_weights(path("expected.safetensors"))) expected[name] = value;

    ResNet3dOptions options;
    options.architecture = c.architecture;
    options.block_inplanes = {4, 4, 6, 8};
    options.shortcut_type = c.shortcut_type;
    options.bias_downsample = c.bias_downsample;
    ResNet3d network(options, {.in_channels = 1, .out_channels = 2, .seed = 5});
    network.to(at::kDouble);
    network.eval();
    const auto targets = c.head ? checkpoint::module_state(network) : before_the_head(network);
    checkpoint::copy_into(targets, checkpoint::load_weights(path("w.safetensors")), "MONAI's weights",
                          /*any_dtype=*/true);

    const at::NoGradGuard no_grad;
    const auto volume = expected.at("input");
    const auto features = network.features(c.reverse_axes ? volume.permute({0, 1, 4, 3, 2}).contiguous() : volume);
    EXPECT_TRUE(features.allclose(expected.at("features"), 1e-10, 1e-12));
    if (c.head) {
        EXPECT_TRUE(network.head(features).allclose(expected.at("output"), 1e-10, 1e-12));
    }
}

INSTANTIATE_TEST_SUITE_P(Cases, MonaiWeights,
                         testing::Values(Case{"resnet50", "B", true, true, false},
                                         Case{"resnet50", "B", false, false, false},  // as MedicalNet's
                                         Case{"resnet18", "A", true, false, false},  // the same
                                         Case{"resnet18", "B", true, true, true}),
                         [](const auto& info) {
                             const Case& c = info.param;
                             return c.architecture + "_" + c.shortcut_type +
                                    (c.bias_downsample ? "" : "_without_bias") + (c.head ? "" : "_without_head") +
                                    (c.reverse_axes ? "_reversed" : "");
                         });

}  // namespace
}  // namespace vox::nn
