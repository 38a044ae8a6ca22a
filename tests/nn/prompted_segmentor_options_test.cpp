#include "nn/prompted_segmentor_options.hpp"

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

/// Reads with a section `model` that names the network and says no more.
struct Alone : PromptedSegmentorOptions {
    void read(config::Section& section) {
        PromptedSegmentorOptions::read(section, ModelOptions::of("prompted_segmentor"));
    }
};

const auto read = test::read_options<Alone>;

TEST(PromptedSegmentorOptions, EveryKeyArrives) {
    const auto o = read(
        "{channels: [8, 16], token_channels: 64, heads: 4, image_blocks: 2, fusion_blocks: 1, text_blocks: 3, "
        "answer_blocks: 0, "
        "most_tokens: 40, "
        "most_answer_tokens: 24}");
    EXPECT_EQ(o.channels, (std::vector<int64_t>{8, 16}));
    EXPECT_EQ(o.size_divisor(), 2);
    EXPECT_EQ(o.token_channels, 64);
    EXPECT_EQ(o.heads, 4);
    EXPECT_EQ(o.image_blocks, 2);
    EXPECT_EQ(o.fusion_blocks, 1);
    EXPECT_EQ(o.text_blocks, 3);
    EXPECT_EQ(o.answer_blocks, 0);
    EXPECT_EQ(o.most_tokens, 40);
    EXPECT_EQ(o.most_answer_tokens, 24);
}

TEST(PromptedSegmentorOptions, NormalisationAndDropoutComeFromTheModelsSection) {
    struct OfModel : PromptedSegmentorOptions {
        void read(config::Section& section) {
            config::Section model_section = section.section("model", "the network");
            ModelOptions model;
            model.read(model_section);
            PromptedSegmentorOptions::read(section, model);
        }
    };
    const auto o = test::read_options<OfModel>(
        "{model: {name: prompted_segmentor, norm: sync_batch, norm_groups: 4, dropout_prob: 0.3}}");
    EXPECT_EQ(o.norm, "sync_batch");
    EXPECT_EQ(o.norm_groups, 4);
    EXPECT_EQ(o.dropout_prob, 0.3);
    EXPECT_EQ(test::read_options<OfModel>("{model: {name: unet, norm: batch}}").norm, "group");
}

TEST(PromptedSegmentorOptions, WhatCannotBeBuiltIsNamed) {
    const std::vector<std::pair<std::string, std::string>> wrong = {
        {"{channels: [8]}", "channels has 1 levels"},
        {"{channels: [8, 12]}", "norm_groups 8 is no divisor"},
        {"{token_channels: 20, heads: 8}", "multiple of heads"},
        {"{heads: 0}", "heads is 0"},
        {"{answer_blocks: -1}", "answer_blocks is -1"},
        {"{most_tokens: 2}", "each must be 3 or more"},
        {"{head: 8}", "did you mean 'heads'?"},
    };
    for (const auto& [yaml, text] : wrong) EXPECT_THAT(message([&] { read(yaml); }), HasSubstr(text)) << yaml;
}

}  // namespace
}  // namespace vox::nn
