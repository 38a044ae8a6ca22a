#include "nn/tabular_fusion.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <span>
#include <string>
#include <vector>

#include "nn/test_items.hpp"
#include "ops/random_scope.hpp"
#include "ops/random_tensor.hpp"
#include "support/read_options.hpp"

namespace vox::nn {
namespace {

using testing::HasSubstr;
using Sizes = std::vector<int64_t>;

at::Tensor numbers(uint32_t items, int64_t size) {
    return 2 * ops::random_uniform_tensor(item_keys(items), ops::Purpose::test_values, 0, {items, size}, at::kFloat) -
           1;
}

TabularFusion make(const TabularFusionOptions& options) {
    WeightSource weights(3);
    return {{.features = 4, .columns = 3}, options, weights};
}

TEST(TabularFusion, FilmBeginsAsTheVolumeAloneAndLearnsTheTable) {
    auto fusion = make({.fusion = "film", .hidden_channels = 8});
    const auto features = numbers(2, 4), row = numbers(2, 3);
    const auto y = fusion.forward(features, row);
    EXPECT_EQ(fusion.out_features(), 4);
    EXPECT_TRUE(at::equal(y, features));
    y.square().sum().backward();
    for (const auto& item : fusion.named_parameters()) {
        // Behind weights of 0 nothing is learned in the first step; the last layer itself is.
        EXPECT_EQ(item.value().grad().abs().max().item<float>() > 0, item.key().starts_with("film")) << item.key();
    }
}

TEST(TabularFusion, ConcatenationKeepsTheFeaturesInFront) {
    auto fusion = make({.fusion = "concatenation", .hidden_channels = 5});
    const auto features = numbers(2, 4);
    const auto y = fusion.forward(features, numbers(2, 3));
    EXPECT_EQ(fusion.out_features(), 9);
    ASSERT_EQ(y.sizes().vec(), (Sizes{2, 9}));
    EXPECT_TRUE(at::equal(y.slice(1, 0, 4), features));
    EXPECT_FALSE(at::equal(y[0].slice(0, 4), y[1].slice(0, 4)));
}

TEST(TabularFusion, AnEmptyBatchHasGradientsOfZero) {
    for (const std::string kind : {"concatenation", "film"}) {
        auto fusion = make({.fusion = kind, .dropout_prob = 0.5});
        const ops::RandomScope scope(item_keys(0));
        const auto y = fusion.forward(at::zeros({0, 4}), at::zeros({0, 3}));
        EXPECT_EQ(y.sizes().vec(), (Sizes{0, fusion.out_features()}));
        y.sum().backward();
        for (const auto& item : fusion.named_parameters()) {
            ASSERT_TRUE(item.value().grad().defined()) << item.key();
            EXPECT_EQ(item.value().grad().abs().max().item<float>(), 0) << item.key();
        }
    }
}

TEST(TabularFusion, DropoutBelongsToTheItemAndOnlyToTraining) {
    auto fusion = make({.fusion = "concatenation", .dropout_prob = 0.5});
    const auto keys = item_keys(3);
    const auto features = numbers(3, 4), row = numbers(3, 3);
    const at::NoGradGuard no_grad;
    const auto run = [&](int64_t begin, int64_t count) {
        const ops::RandomScope scope(
            std::span<const ops::RandomKey>(keys).subspan(static_cast<size_t>(begin), static_cast<size_t>(count)));
        return fusion.forward(features.narrow(0, begin, count), row.narrow(0, begin, count));
    };
    EXPECT_TRUE(at::cat({run(0, 1), run(1, 2)}).allclose(run(0, 3), 1e-5, 1e-6));
    fusion.eval();
    const auto evaluated = fusion.forward(features, row);  // needs no scope
    fusion.train();
    EXPECT_FALSE(run(0, 3).allclose(evaluated, 1e-3, 1e-3));
}

TEST(TabularFusion, RowsThatDoNotFitAreNamed) {
    auto fusion = make({.fusion = "film"});
    EXPECT_THAT(message([&] { fusion.forward(numbers(2, 4), numbers(2, 4)); }), HasSubstr("[2, 4], expected [2, 3]"));
    EXPECT_THAT(message([&] { fusion.forward(numbers(2, 4), numbers(1, 3)); }), HasSubstr("[1, 3], expected [2, 3]"));
    EXPECT_THROW(fusion.forward(numbers(2, 4), at::zeros({3})), core::DataError);
}

const auto read = test::read_options<TabularFusionOptions>;

TEST(TabularFusionOptions, EveryKeyArrives) {
    EXPECT_FALSE(read("{}").is_used());
    const auto o = read("{fusion: film, hidden_channels: 12, dropout_prob: 0.25}");
    EXPECT_TRUE(o.is_used());
    EXPECT_EQ(o.fusion, "film");
    EXPECT_EQ(o.hidden_channels, 12);
    EXPECT_EQ(o.dropout_prob, 0.25);
}

TEST(TabularFusionOptions, WhatCannotBeBuiltIsNamed) {
    EXPECT_THAT(message([] { read("{fusion: fil}"); }), HasSubstr("did you mean 'film'?"));
    EXPECT_THAT(message([] { read("{fusion: film, hidden_channels: 0}"); }), HasSubstr("hidden_channels is 0"));
    EXPECT_THAT(message([] { read("{fusion: film, dropout_prob: 1.0}"); }), HasSubstr("dropout_prob is 1"));
    EXPECT_THAT(message([] { read("{hidden_channels: 12}"); }), HasSubstr("fusion is none"));
    EXPECT_THAT(message([] { read("{dropout_prob: 0.1}"); }), HasSubstr("fusion is none"));
    EXPECT_THAT(message([] { make({}); }), HasSubstr("fusion is none"));
    EXPECT_THAT(message([] { make({.fusion = "sum"}); }), HasSubstr("fusion is 'sum'"));
}

}  // namespace
}  // namespace vox::nn
