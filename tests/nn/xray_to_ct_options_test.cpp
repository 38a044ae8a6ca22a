#include "nn/xray_to_ct_options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "nn/options.hpp"
#include "nn/test_items.hpp"
#include "support/read_options.hpp"

namespace vox::nn {
namespace {

using testing::HasSubstr;
using Sizes = std::vector<int64_t>;

/// The options as a configuration of them alone.
struct Read : XrayToCtOptions {
    void read(config::Section& section) { XrayToCtOptions::read(section, ModelOptions::of("xray_to_ct")); }
};
const auto read = test::read_options<Read>;

std::string refusal(const std::string& yaml) {
    return message([&] { read(yaml); });
}

TEST(XrayToCtOptions, TheDefaultsAreThreeStagesOnSixteenTokensAnAxis) {
    const auto o = read("{}");
    EXPECT_EQ(o.num_stages, 3);
    EXPECT_EQ(o.xray.img_size, 512);
    EXPECT_EQ(o.xray.num_views, 2);
    EXPECT_EQ(o.dropout_prob, 0.1);
    EXPECT_FALSE(o.activation_checkpointing);
    const std::vector<std::vector<int64_t>> expected = {{64, 4, 256, 4, 4}, {128, 8, 384, 6, 6}, {256, 16, 512, 8, 8}};
    for (size_t i = 0; i < expected.size(); ++i) {
        const auto& s = o.stages[i];
        EXPECT_EQ(s.volume_size, Sizes(3, expected[i][0]));
        EXPECT_EQ((Sizes{s.patch_size, s.voxel_dim, s.vit_depth, s.num_heads}),
                  Sizes(expected[i].begin() + 1, expected[i].end()));
        EXPECT_EQ(s.token_grid(), (std::array<int64_t, 3>{16, 16, 16}));
        EXPECT_EQ(s.problem(), "");
    }
}

TEST(XrayToCtOptions, EveryKeyArrives) {
    const auto o = read(
        "{num_stages: 2, img_size: 96, num_views: 1, "
        "stage1: {volume_size: [8, 16, 24], patch_size: 8, voxel_dim: 48, vit_depth: 3, num_heads: 2}, "
        "stage2: {volume_size: [32, 32, 64], patch_size: 16, voxel_dim: 40, vit_depth: 1, num_heads: 5}}");
    EXPECT_EQ(o.num_stages, 2);
    EXPECT_EQ(o.xray.img_size, 96);
    EXPECT_EQ(o.xray.num_views, 1);
    EXPECT_EQ(o.stages[0], (XrayToCtStage{{8, 16, 24}, 8, 48, 3, 2}));
    EXPECT_EQ(o.stages[1], (XrayToCtStage{{32, 32, 64}, 16, 40, 1, 5}));
    EXPECT_EQ(o.stages[2], XrayToCtOptions::default_stages()[2]);
    EXPECT_EQ(o.stages[0].token_grid(), (std::array<int64_t, 3>{1, 2, 3}));
    EXPECT_EQ(read("{stage3: {vit_depth: 9}}").stages[2].vit_depth, 9);
}

TEST(XrayToCtOptions, WhatEveryNetworkHasIsTheModels) {
    auto model = ModelOptions::of("xray_to_ct");
    model.norm = "instance";
    model.norm_groups = 4;
    model.dropout_prob = 0.25;
    model.activation_checkpointing = true;
    auto document = config::Document::parse("{}", "test");
    auto root = document.root();
    XrayToCtOptions o;
    o.read(root, model);
    EXPECT_EQ(o.xray.norm, "instance");
    EXPECT_EQ(o.xray.norm_groups, 4);
    EXPECT_EQ(o.dropout_prob, 0.25);
    EXPECT_TRUE(o.activation_checkpointing);
    model.norm = "group";
    model.norm_groups = 5;
    EXPECT_THAT(model.problem(), HasSubstr("norm_groups is 5"));
}

TEST(XrayToCtOptions, AnUnknownKeyIsAnErrorInEverySection) {
    EXPECT_THAT(refusal("{stages: 2}"), HasSubstr("unknown key 'stages'"));
    EXPECT_THAT(refusal("{views: 2}"), HasSubstr("unknown key 'views'"));
    EXPECT_THAT(refusal("{stage2: {voxl_dim: 2}}"), HasSubstr("did you mean 'stage2.voxel_dim'?"));
}

TEST(XrayToCtOptions, WhatCannotBeBuiltIsNamed) {
    const std::vector<std::pair<std::string, std::string>> wrong = {
        {"{num_stages: 0}", "num_stages is 0"},
        {"{num_stages: 4}", "num_stages is 4"},
        {"{img_size: 100}", "img_size is 100"},
        {"{img_size: 0}", "img_size is 0"},
        {"{num_views: 3}", "num_views is 3"},
        {"{num_views: 0}", "num_views is 0"},
        {"{stage1: {volume_size: [64, 64]}}", "volume_size is [64, 64]"},
        {"{stage1: {volume_size: [64, 62, 64]}}", "multiples of patch_size, which is 4"},
        {"{stage1: {volume_size: [64, 0, 64]}}", "volume_size is [64, 0, 64]"},
        {"{stage1: {patch_size: 6}}", "patch_size is 6"},
        {"{stage1: {patch_size: 1}}", "patch_size is 1"},
        {"{stage1: {voxel_dim: 255}}", "voxel_dim is 255"},
        {"{stage1: {voxel_dim: 12}}", "and of 8"},
        {"{stage1: {num_heads: 3}}", "num_heads, which is 3"},
        {"{stage1: {num_heads: 0}}", "num_heads is 0"},
        {"{stage1: {vit_depth: 0}}", "vit_depth is 0"},
        {"{stage2: {volume_size: [128, 32, 128]}}", "smaller than [64, 64, 64]"},
        {"{num_stages: 1, stage2: {vit_depth: 7}}", "num_stages is 1: it would change nothing"},
    };
    for (const auto& [yaml, text] : wrong) {
        EXPECT_THROW(read(yaml), core::ConfigError) << yaml;
        EXPECT_THAT(refusal(yaml), HasSubstr(text)) << yaml;
    }
}

// Four times the values of the level below, not eight; as few as one group each of the normalisation at 256^3.
TEST(XrayToCtOptions, ChannelsHalveTowardsFullSize) {
    const auto stages = XrayToCtOptions::default_stages();
    EXPECT_EQ(stages[0].channels(), (Sizes{32, 64}));
    EXPECT_EQ(stages[1].channels(), (Sizes{16, 32, 64}));
    EXPECT_EQ(stages[2].channels(), (Sizes{8, 16, 32, 64}));
    EXPECT_EQ((XrayToCtStage{{64, 64, 64}, 64, 64, 1, 1}).channels(), (Sizes{8, 8, 8, 16, 32, 64}));
}

}  // namespace
}  // namespace vox::nn
