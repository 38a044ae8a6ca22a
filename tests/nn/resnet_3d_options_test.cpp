#include "nn/resnet_3d_options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "nn/options.hpp"
#include "nn/test_items.hpp"
#include "support/read_options.hpp"

namespace vox::nn {
namespace {

using testing::HasSubstr;
using Sizes = std::vector<int64_t>;

/// Reads with a section `model` that says nothing.
struct Alone : ResNet3dOptions {
    void read(config::Section& section) { ResNet3dOptions::read(section, ModelOptions::of("resnet_3d")); }
};

const auto read = test::read_options<Alone>;

TEST(ResNet3dOptions, TheDefaultsAreMonaisResNet50) {
    const auto o = read("{}");
    EXPECT_EQ(o.architecture, "resnet50");
    EXPECT_EQ(o.blocks(), (Sizes{3, 4, 6, 3}));
    EXPECT_TRUE(o.is_bottleneck());
    EXPECT_EQ(o.stage_channels(), (Sizes{256, 512, 1024, 2048}));
    EXPECT_EQ(o.conv1_t_size, 7);
    EXPECT_EQ(o.conv1_t_stride, 1);
    EXPECT_FALSE(o.no_max_pool);
    EXPECT_EQ(o.shortcut_type, "B");
    EXPECT_TRUE(o.bias_downsample);
    EXPECT_EQ(o.norm, "batch");
    EXPECT_FALSE(o.tabular.is_used());
    EXPECT_EQ(o.problem(), "");
}

TEST(ResNet3dOptions, EveryKeyArrives) {
    const auto o = read(
        "{architecture: resnet34, block_inplanes: [8, 16, 24, 32], conv1_t_size: 5, conv1_t_stride: 2, no_max_pool: "
        "true, "
        "shortcut_type: B, bias_downsample: false, tabular: {fusion: film, hidden_channels: 12, dropout_prob: 0.25}}");
    EXPECT_EQ(o.architecture, "resnet34");
    EXPECT_FALSE(o.is_bottleneck());
    EXPECT_EQ(o.block_inplanes, (Sizes{8, 16, 24, 32}));
    EXPECT_EQ(o.stage_channels(), o.block_inplanes);
    EXPECT_EQ(o.conv1_t_size, 5);
    EXPECT_EQ(o.conv1_t_stride, 2);
    EXPECT_TRUE(o.no_max_pool);
    EXPECT_FALSE(o.bias_downsample);
    EXPECT_EQ(o.tabular.fusion, "film");
    EXPECT_EQ(o.tabular.hidden_channels, 12);
    EXPECT_EQ(o.tabular.dropout_prob, 0.25);
    EXPECT_EQ(read("{shortcut_type: A}").shortcut_type, "A");
}

TEST(ResNet3dOptions, WhatCannotBeBuiltIsNamed) {
    const std::vector<std::pair<std::string, std::string>> wrong = {
        {"{architecture: resnet5}", "did you mean 'resnet50'?"},
        {"{block_inplanes: [8, 16, 32]}", "block_inplanes is [8, 16, 32]"},
        {"{block_inplanes: [8, 16, 32, 0]}", "block_inplanes is [8, 16, 32, 0]"},
        {"{conv1_t_size: 4}", "conv1_t_size is 4"},
        {"{conv1_t_size: -1}", "conv1_t_size is -1"},
        {"{conv1_t_stride: 0}", "conv1_t_stride is 0"},
        {"{conv1_t_stride: 9}", "conv1_t_stride is 9"},
        {"{shortcut_type: C}", "shortcut_type"},
        {"{shortcut_type: A, bias_downsample: false}", "it would change nothing"},
        {"{shortcut_type: A, block_inplanes: [8, 16, 12, 32]}", "cannot take any away"},
        {"{tabular: {fusion: film, hidden_channels: 0}}", "hidden_channels is 0"},
        {"{tabular: {hidden_channels: 3}}", "fusion is none"},
        {"{widen_factor: 2}", "unknown key 'widen_factor'"},
        {"{tabular: {fusio: film}}", "did you mean 'tabular.fusion'?"},
    };
    for (const auto& [yaml, text] : wrong) EXPECT_THAT(message([&] { read(yaml); }), HasSubstr(text)) << yaml;
}

TEST(ResNet3dOptions, NormalisationAndMemoryComeFromTheModelsSection) {
    struct OfModel : ResNet3dOptions {
        void read(config::Section& section) {
            config::Section model_section = section.section("model", "the network");
            ModelOptions model;
            model.read(model_section);
            ResNet3dOptions::read(section, model);
        }
    };
    const auto both = test::read_options<OfModel>;
    const auto o = both(
        "{model: {name: resnet_3d, norm: group, norm_groups: 4, activation_checkpointing: true, channels_last_3d: "
        "true}}");
    EXPECT_EQ(o.norm, "group");
    EXPECT_EQ(o.norm_groups, 4);
    EXPECT_TRUE(o.activation_checkpointing && o.channels_last_3d);
    EXPECT_EQ(both("{model: {name: resnet_3d}}").norm, "batch");
    const auto refused = [&](const std::string& model, const std::string& planes) {
        return message([&] { both("{model: {name: resnet_3d, " + model + "}, block_inplanes: " + planes + "}"); });
    };
    EXPECT_THAT(refused("norm: group, norm_groups: 0", "[8, 16, 24, 32]"), HasSubstr("norm_groups is 0"));
    EXPECT_THAT(refused("norm: group, norm_groups: 8", "[8, 16, 20, 32]"),
                HasSubstr("it must divide each of block_inplanes"));
    EXPECT_THAT(refused("dropout_prob: 0.2", "[8, 16, 24, 32]"), HasSubstr("resnet_3d drops nothing"));
}

// Built in code, where no list of choices stands before it.
TEST(ResNet3dOptions, AProblemIsFoundInOptionsThatWereNotRead) {
    const auto problem = [](auto change) {
        ResNet3dOptions options;
        change(options);
        return options.problem();
    };
    EXPECT_THAT(problem([](auto& o) { o.architecture = "vgg"; }), HasSubstr("architecture is 'vgg'"));
    EXPECT_THAT(problem([](auto& o) { o.shortcut_type = "C"; }), HasSubstr("shortcut_type is 'C'"));
    EXPECT_THAT(problem([](auto& o) { o.norm = "layer"; }), HasSubstr("norm is 'layer'"));
    EXPECT_THAT(problem([](auto& o) { o.tabular.fusion = "sum"; }), HasSubstr("tabular.fusion is 'sum'"));
}

}  // namespace
}  // namespace vox::nn
