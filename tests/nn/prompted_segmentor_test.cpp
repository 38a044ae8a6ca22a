// The prompted network: shapes, what its outputs depend on, where gradients reach, and what it refuses.

#include "nn/prompted_segmentor.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <span>

#include "core/error.hpp"
#include "nn/prompted_items.hpp"
#include "nn/test_items.hpp"
#include "ops/random_scope.hpp"

namespace vox::nn {
namespace {

using Sizes = std::vector<int64_t>;
using testing::HasSubstr;

constexpr uint64_t kSeed = 3;

class Prompted : public testing::TestWithParam<bool> {
protected:
    const PromptedSegmentorOptions options_ = small_prompted(GetParam());
    const int64_t depth_ = GetParam() ? 1 : 4;
};

INSTANTIATE_TEST_SUITE_P(FlatAndDeep, Prompted, testing::Bool());

TEST_P(Prompted, Shapes) {
    const PromptedSegmentor network(options_, kSeed);
    const auto outputs = network.forward(prompted_inputs(options_, 3));
    EXPECT_EQ(outputs.mask.sizes(), (Sizes{3, 1, depth_, 6, 4}));
    EXPECT_EQ(outputs.position.sizes(), (Sizes{3, 9}));
    EXPECT_EQ(outputs.answer.sizes(), (Sizes{3, 5, 11}));
    auto inputs = prompted_inputs(options_, 3);
    inputs.answers = at::Tensor();
    EXPECT_FALSE(network.forward(inputs).answer.defined());
    inputs.image = inputs.image.repeat({1, 1, 1, 2, 3});
    EXPECT_EQ(network.forward(inputs).mask.sizes(), (Sizes{3, 1, depth_, 12, 12}));  // any size
}

TEST_P(Prompted, AnEmptyBatchGoesForwardAndBackward) {
    const PromptedSegmentor network(options_, kSeed);
    const auto outputs = network.forward(prompted_inputs(options_, 0));
    EXPECT_EQ(outputs.mask.sizes(), (Sizes{0, 1, depth_, 6, 4}));
    EXPECT_EQ(outputs.answer.sizes(), (Sizes{0, 5, 11}));
    joined(outputs).sum().backward();
    for (const auto& parameter : network.parameters()) {
        if (parameter.grad().defined()) {
            EXPECT_EQ(parameter.grad().abs().sum().item<double>(), 0);
        }
    }
}

TEST_P(Prompted, ItemsDoNotSeeEachOther) {
    const PromptedSegmentor network(options_, kSeed);
    const at::NoGradGuard no_grad;
    const auto inputs = prompted_inputs(options_, 3);
    const auto all = joined(network.forward(inputs));
    for (int64_t b = 0; b < 3; ++b) {
        EXPECT_LE(test::relative_difference(joined(network.forward(part(inputs, b, b + 1))), all.slice(0, b, b + 1)),
                  1e-5);
    }
}

TEST_P(Prompted, EveryOutputChangesWithWordsPointsAndImage) {
    const PromptedSegmentor network(options_, kSeed);
    const at::NoGradGuard no_grad;
    const auto inputs = prompted_inputs(options_, 1);
    const auto before = network.forward(inputs);
    const auto expect_other = [&](const PromptedInputs& other, bool differ) {
        const auto after = network.forward(other);
        for (const auto& [found, was] : {std::pair(after.mask, before.mask), std::pair(after.position, before.position),
                                         std::pair(after.answer, before.answer)}) {
            const double difference = test::relative_difference(found, was);
            EXPECT_TRUE(differ ? difference > 1e-4 : difference < 1e-5) << difference;
        }
    };
    const auto changed = [&](auto change) {
        auto other = inputs;
        for (auto* tensor : {&other.image, &other.words, &other.points, &other.kinds}) *tensor = tensor->clone();
        change(other);
        return other;
    };
    expect_other(
        changed([](auto& other) { other.words[0][2] = other.words[0][2].template item<int64_t>() == 5 ? 6 : 5; }),
        true);
    expect_other(changed([](auto& other) { other.words = other.words.flip(1); }), true);
    expect_other(changed([](auto& other) { other.points[0][0][1] += 0.3; }), true);
    expect_other(changed([](auto& other) { other.kinds[0][0] = (other.kinds[0][0].template item<int64_t>() + 1) % 4; }),
                 true);
    expect_other(changed([](auto& other) { other.image = -other.image; }), true);
    // Of what is padding nothing is seen.
    expect_other(changed([](auto& other) { other.words = other.words.slice(1, 0, 6); }), false);
    expect_other(changed([](auto& other) { other.points[0][1] += 0.3; }), false);
    expect_other(changed([](auto& other) {
                     other.points = other.points.slice(1, 0, 1);
                     other.kinds = other.kinds.slice(1, 0, 1);
                 }),
                 false);
}

// An item may have words only, or points only, beside others that have both.
TEST_P(Prompted, WordsAloneAndPointsAloneAreEnough) {
    const PromptedSegmentor network(options_, kSeed);
    const at::NoGradGuard no_grad;
    auto inputs = prompted_inputs(options_, 2);
    inputs.words[0].fill_(0);
    inputs.kinds[1].fill_(-1);
    const auto both = joined(network.forward(inputs));
    EXPECT_TRUE(both.isfinite().all().item<bool>());
    auto points_alone = part(inputs, 0, 1), words_alone = part(inputs, 1, 2);
    points_alone.words = at::Tensor();
    words_alone.points = words_alone.kinds = at::Tensor();
    EXPECT_LE(test::relative_difference(joined(network.forward(points_alone)), both.slice(0, 0, 1)), 1e-5);
    EXPECT_LE(test::relative_difference(joined(network.forward(words_alone)), both.slice(0, 1, 2)), 1e-5);
}

TEST_P(Prompted, TheMaskAloneTeachesTheWordsOfThePromptAndNoOthers) {
    const PromptedSegmentor network(options_, kSeed);
    auto inputs = prompted_inputs(options_, 1);
    inputs.words = at::tensor({1, 5, 9, 2, 0}, at::kLong).unsqueeze(0);
    network.forward(inputs).mask.square().sum().backward();
    const auto gradient = network.named_parameters()["text.embedding.words"].grad();
    const auto taught = gradient.abs().sum(1).gt(1e-9);
    EXPECT_TRUE(at::equal(taught.nonzero().flatten(), at::tensor({1, 2, 5, 9}, at::kLong)));
}

TEST_P(Prompted, EveryParameterLearnsFromTheThreeOutputs) {
    const PromptedSegmentor network(options_, kSeed);
    joined(network.forward(prompted_inputs(options_, 3))).square().sum().backward();
    for (const auto& item : network.named_parameters()) {
        ASSERT_TRUE(item.value().grad().defined()) << item.key();
        EXPECT_GT(item.value().grad().abs().sum().item<double>(), 0) << item.key();
    }
}

TEST_P(Prompted, DropoutBelongsToItems) {
    auto options = options_;
    options.dropout_prob = 0.3;
    const PromptedSegmentor network(options, kSeed);
    const at::NoGradGuard no_grad;
    const auto inputs = prompted_inputs(options, 3);
    const auto keys = item_keys(3);
    const auto run = [&](int64_t begin, int64_t end) {
        const auto own = std::span(keys).subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
        const ops::RandomScope scope{std::span<const ops::RandomKey>(own)};
        return joined(network.forward(part(inputs, begin, end)));
    };
    const auto all = run(0, 3);
    EXPECT_LE(test::relative_difference(at::cat({run(0, 1), run(1, 3)}), all), 1e-5);
    const PromptedSegmentor without(options_, kSeed);
    EXPECT_GT(test::relative_difference(all, joined(without.forward(inputs))), 1e-2);
}

TEST_P(Prompted, AnswersAreGeneratedWordByWord) {
    PromptedSegmentor network(options_, kSeed);
    network.eval();
    auto inputs = prompted_inputs(options_, 2);
    inputs.answers = at::Tensor();
    const auto answer = network.answer(inputs);
    ASSERT_GE(answer.size(1), 2);
    inputs.answers = answer;
    const auto foretold = network.forward(inputs).answer.argmax(2);
    for (int64_t b = 0; b < 2; ++b) EXPECT_EQ(answer[b][1].item<int64_t>(), foretold[b][0].item<int64_t>());
}

// In the middle of a picture that is the same everywhere, out of reach of its border, only the places of tokens differ.
TEST(PromptedSegmentor, TokensKnowTheirPlacesWithoutABorderInSight) {
    const auto options = small_prompted(true);
    const PromptedSegmentor network(options, kSeed);
    const at::NoGradGuard no_grad;
    auto inputs = prompted_inputs(options, 1);
    inputs.image = inputs.image.slice(3, 0, 1).slice(4, 0, 1).expand({1, 1, 1, 40, 40});
    const auto mask = network.forward(inputs).mask[0][0][0];
    const auto middle = mask.slice(0, 16, 24, 2).slice(1, 16, 24, 2);  // the same phase of the stride
    EXPECT_GT((middle - middle[0][0]).abs().max().item<double>(), 1e-3 * middle.abs().max().item<double>());
}

// Blocks of a vision transformer see the whole image, convolutions only what is near.
TEST_P(Prompted, ImageBlocksSeeTheWholeImage) {
    auto options = options_;
    options.norm = "batch";  // in evaluation mode it mixes no voxels
    const auto change_of_far_corner = [&](int64_t blocks) {
        options.image_blocks = blocks;
        PromptedSegmentor network(options, kSeed);
        network.eval();
        const at::NoGradGuard no_grad;
        auto inputs = prompted_inputs(options, 1);
        inputs.image = inputs.image.repeat({1, 1, 1, 8, 8});
        const auto before = network.forward(inputs).mask;
        inputs.image = inputs.image.clone();
        inputs.image.slice(3, 40).slice(4, 24).neg_();
        return (network.forward(inputs).mask - before).slice(3, 0, 8).slice(4, 0, 8).abs().max().item<double>();
    };
    EXPECT_EQ(change_of_far_corner(0), 0);
    EXPECT_GT(change_of_far_corner(1), 1e-6);
}

TEST_P(Prompted, EveryParameterOfImageBlocksLearns) {
    auto options = options_;
    options.image_blocks = 2;
    const PromptedSegmentor network(options, kSeed);
    network.forward(prompted_inputs(options, 3)).mask.square().sum().backward();
    size_t found = 0;
    for (const auto& item : network.named_parameters()) {
        if (!item.key().starts_with("image_blocks.")) continue;
        ++found;
        EXPECT_GT(item.value().grad().abs().sum().item<double>(), 0) << item.key();
    }
    EXPECT_EQ(found, 2U * (2 * 2 + 4 * 2 + 2 * 2));  // norms, attention, MLP: weight and bias
    EXPECT_EQ(PromptedSegmentor(options_, kSeed).parameter_count() + 2 * (12 * 16 * 16 + 13 * 16),
              network.parameter_count());
}

TEST(PromptedSegmentor, EachNormBuildsAndWeightsFollowTheSeed) {
    for (const std::string norm : {"group", "instance", "batch"}) {
        auto options = small_prompted(true);
        options.norm = norm;
        const auto inputs = prompted_inputs(options, 2);
        const auto output = [&](uint64_t seed) { return joined(PromptedSegmentor(options, seed).forward(inputs)); };
        EXPECT_TRUE(at::equal(output(1), output(1)));
        EXPECT_GT(test::relative_difference(output(1), output(2)), 1e-2);
    }
}

TEST(PromptedSegmentor, RefusesImagesAndPromptsThatDoNotFit) {
    const auto options = small_prompted(false);
    const PromptedSegmentor network(options, kSeed);
    const auto refusal = [&](auto change) {
        auto inputs = prompted_inputs(options, 2);
        change(inputs);
        return message([&] { network.forward(inputs); });
    };
    EXPECT_EQ(refusal([](auto&) {}), "");
    EXPECT_THAT(refusal([](auto& in) { in.image = in.image.slice(2, 0, 3); }), HasSubstr("D, H and W multiples of 2"));
    EXPECT_THAT(refusal([](auto& in) { in.image = in.image.slice(4, 0, 3); }), HasSubstr("multiples of 2"));
    EXPECT_THAT(refusal([](auto& in) { in.image = in.image.repeat({1, 2, 1, 1, 1}); }), HasSubstr("[B, 1, D"));
    EXPECT_THAT(refusal([](auto& in) { in.image = in.image.squeeze(1); }), HasSubstr("the image is"));
    EXPECT_THAT(refusal([](auto& in) { in.words = in.points = in.kinds = at::Tensor(); }),
                HasSubstr("there is no prompt"));
    EXPECT_THAT(refusal([](auto& in) {
                    in.words[1].fill_(0);
                    in.kinds[1].fill_(-1);
                }),
                HasSubstr("item 1 of the batch has no prompt"));
    EXPECT_NE(refusal([](auto& in) { in.kinds = at::Tensor(); }), "");
    auto silent = options;
    silent.answer_blocks = 0;
    const PromptedSegmentor no_answers(silent, kSeed);
    EXPECT_NE(message([&] { no_answers.forward(prompted_inputs(silent, 1)); }), "");
    EXPECT_NE(message([&] { no_answers.answer(prompted_inputs(silent, 1)); }), "");
}

TEST(PromptedSegmentor, RefusesOptionsThatCannotBeBuilt) {
    const auto problem = [](auto change) {
        auto options = small_prompted(true);
        change(options);
        const auto text = options.problem();
        EXPECT_EQ(message([&] { PromptedSegmentor(options, kSeed); }),
                  text.empty() ? "" : "prompted_segmentor: " + text);
        return text;
    };
    EXPECT_EQ(problem([](auto&) {}), "");
    EXPECT_THAT(problem([](auto& o) { o.in_channels = 0; }), HasSubstr("in_channels is 0"));
    EXPECT_THAT(problem([](auto& o) { o.channels = {8}; }), HasSubstr("1 levels"));
    EXPECT_THAT(problem([](auto& o) { o.channels = {8, 18}; }), HasSubstr("18"));
    EXPECT_THAT(problem([](auto& o) { o.channels = {8, 0}; }), HasSubstr("channels has 0"));
    EXPECT_THAT(problem([](auto& o) { o.norm = "layer"; }), HasSubstr("norm is 'layer'"));
    EXPECT_THAT(problem([](auto& o) { o.token_channels = 15; }), HasSubstr("token_channels is 15"));
    EXPECT_THAT(problem([](auto& o) { o.heads = 3; }), HasSubstr("a multiple of heads, 3"));
    EXPECT_THAT(problem([](auto& o) { o.fusion_blocks = 0; }), HasSubstr("fusion_blocks"));
    EXPECT_THAT(problem([](auto& o) { o.text_blocks = 0; }), HasSubstr("text_blocks"));
    EXPECT_THAT(problem([](auto& o) { o.image_blocks = -1; }), HasSubstr("image_blocks is -1"));
    EXPECT_THAT(problem([](auto& o) { o.answer_blocks = -1; }), HasSubstr("answer_blocks"));
    EXPECT_THAT(problem([](auto& o) { o.dropout_prob = 1; }), HasSubstr("dropout_prob"));
    EXPECT_THAT(problem([](auto& o) { o.vocabulary_size = 3; }), HasSubstr("has no word"));
    EXPECT_THAT(problem([](auto& o) { o.most_tokens = 2; }), HasSubstr("most_tokens is 2"));
    EXPECT_THAT(problem([](auto& o) { o.most_answer_tokens = 2; }), HasSubstr("most_answer_tokens 2"));
    EXPECT_THAT(problem([](auto& o) { o.position_classes = 1; }), HasSubstr("position_classes is 1"));
}

}  // namespace
}  // namespace vox::nn
