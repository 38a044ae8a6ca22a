// Properties of what reads prompts and words answers: padding, causality, empty batches, what is refused.

#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/tokens.hpp"
#include "nn/convolution.hpp"
#include "nn/point_encoder.hpp"
#include "nn/position_head.hpp"
#include "nn/text_encoder.hpp"
#include "support/golden.hpp"

namespace vox::nn {
namespace {

constexpr int64_t kChannels = 16;

TextShape shape() { return {.vocabulary_size = 11, .most_tokens = 7, .channels = kChannels, .heads = 4, .blocks = 2}; }

at::Tensor row(std::vector<int64_t> tokens) { return at::tensor(tokens, at::kLong).unsqueeze(0); }

at::Tensor context(int64_t items) { return (2 * test::uniform({items, 6, kChannels}, 1721) - 1).to(at::kFloat); }

TEST(TextEncoder, PaddingChangesNothing) {
    WeightSource weights(1);
    TextEncoder encoder(shape(), weights);
    encoder.eval();
    const at::NoGradGuard no_grad;
    const auto plain = encoder.forward(row({1, 4, 9, 2})), padded = encoder.forward(row({1, 4, 9, 2, 0, 0, 0}));
    EXPECT_LE(test::relative_difference(padded.slice(1, 0, 4), plain), 1e-6);
    EXPECT_GT(test::relative_difference(encoder.forward(row({1, 9, 4, 2})), plain), 1e-2);  // the order of words counts
}

TEST(TextEncoder, RowsWithoutWordsAndEmptyBatchesAreFinite) {
    WeightSource weights(1);
    TextEncoder encoder(shape(), weights);
    const auto y = encoder.forward(at::zeros({2, 5}, at::kLong));
    EXPECT_TRUE(y.isfinite().all().item<bool>());
    EXPECT_EQ(encoder.forward(at::zeros({0, 5}, at::kLong)).sizes(), (std::vector<int64_t>{0, 5, kChannels}));
    EXPECT_THROW(encoder.forward(at::zeros({1, 8}, at::kLong)), core::InternalError);
    EXPECT_THROW(encoder.forward(at::zeros({1, 0}, at::kLong)), core::InternalError);
    EXPECT_THROW(encoder.forward(at::zeros({1, 3}, at::kInt)), core::InternalError);
}

TEST(AnswerDecoder, NoWordSeesALaterOne) {
    WeightSource weights(1);
    AnswerDecoder decoder(shape(), weights);
    const at::NoGradGuard no_grad;
    const auto all = at::ones({1, 6}, at::kBool);
    const auto one = decoder.forward(row({1, 4, 9, 5, 2}), context(1), all);
    const auto other = decoder.forward(row({1, 4, 9, 8, 0}), context(1), all);
    EXPECT_LE(test::relative_difference(other.slice(1, 0, 3), one.slice(1, 0, 3)), 1e-6);
    EXPECT_GT(test::relative_difference(other.slice(1, 3), one.slice(1, 3)), 1e-2);
}

// Each word is the most likely one after those before it; padding follows the end.
void expect_most_likely(const AnswerDecoder& decoder, const at::Tensor& tokens, const at::Tensor& from) {
    const auto logits = decoder.forward(tokens, from, at::ones({from.size(0), from.size(1)}, at::kBool));
    for (int64_t b = 0; b < tokens.size(0); ++b) {
        EXPECT_EQ(tokens[b][0].item<int64_t>(), core::kBeginToken);
        bool ended = false;
        for (int64_t t = 1; t < tokens.size(1); ++t) {
            const int64_t token = tokens[b][t].item<int64_t>();
            EXPECT_EQ(token, ended ? core::kPadToken : logits[b][t - 1].argmax().item<int64_t>());
            ended = ended || token == core::kEndToken;
        }
        EXPECT_TRUE(ended || tokens.size(1) == 7);
    }
}

TEST(AnswerDecoder, GeneratesTheMostLikelyWordAfterTheOther) {
    WeightSource weights(1);
    AnswerDecoder decoder(shape(), weights);
    const at::NoGradGuard no_grad;
    expect_most_likely(decoder, decoder.generate(context(3), at::ones({3, 6}, at::kBool)), context(3));
    EXPECT_EQ(decoder.generate(context(0), at::ones({0, 6}, at::kBool)).sizes(), (std::vector<int64_t>{0, 1}));
    // Of many items some end before others, once <eos> is neither never nor always the most likely word.
    const auto many = 4 * context(32);
    const auto bias = decoder.named_parameters()["words.bias"];
    int64_t padding = 0;
    for (int step = 0; step < 40 && padding == 0; ++step) {
        bias[core::kEndToken] += 0.1;
        const auto tokens = decoder.generate(many, at::ones({32, 6}, at::kBool));
        expect_most_likely(decoder, tokens, many);
        padding = tokens.eq(core::kPadToken).sum().item<int64_t>();
    }
    EXPECT_GT(padding, 0);
}

// Every way in which a decoder may end: its last layer is made to always say <eos>, or never.
TEST(AnswerDecoder, EndsWithEosOrAtTheLimit) {
    for (const bool ends : {true, false}) {
        WeightSource weights(1);
        AnswerDecoder decoder(shape(), weights);
        const at::NoGradGuard no_grad;
        decoder.named_parameters()["words.bias"][ends ? core::kEndToken : 5] = 1e3;
        const auto tokens = decoder.generate(context(2), at::ones({2, 6}, at::kBool));
        const auto expected = ends ? row({1, 2}) : row({1, 5, 5, 5, 5, 5, 5});
        EXPECT_TRUE(at::equal(tokens, expected.expand({2, -1})));
    }
}

TEST(PositionHead, TakesAnEmptyBatch) {
    WeightSource weights(1);
    EXPECT_EQ(PositionHead(kChannels, 4, 9, weights).forward(context(0)).sizes(), (std::vector<int64_t>{0, 9}));
}

TEST(PointEncoder, RefusesWhatIsNoPoint) {
    WeightSource weights(1);
    FourierFeatures places(kChannels, weights);
    PointEncoder encoder(kChannels, weights);
    const auto kinds = at::zeros({1, 2}, at::kLong);
    EXPECT_EQ(encoder.forward(at::zeros({1, 2, 3}), kinds, places).sizes(), (std::vector<int64_t>{1, 2, kChannels}));
    EXPECT_EQ(encoder.forward(at::zeros({1, 0, 3}), at::zeros({1, 0}, at::kLong), places).size(1), 0);
    EXPECT_THROW(encoder.forward(at::zeros({1, 2, 2}), kinds, places), core::InternalError);
    EXPECT_THROW(encoder.forward(at::zeros({1, 3, 3}), kinds, places), core::InternalError);
    EXPECT_THROW(encoder.forward(at::zeros({1, 2, 3}), kinds.to(at::kInt), places), core::InternalError);
    EXPECT_THROW(FourierFeatures(7, weights), core::InternalError);
}

// A flat convolution of a volume is the same convolution of each of its planes.
TEST(Conv3d, AFlatOneLeavesPlanesApart) {
    for (const bool transposed : {false, true}) {
        WeightSource weights(1);
        Conv3d conv(
            {.in_channels = 2, .out_channels = 3, .stride = 2, .bias = true, .transposed = transposed, .flat = true},
            weights);
        const auto x = test::uniform({2, 2, 3, 4, 6}, 1725).to(at::kFloat);
        const auto y = conv.forward(x);
        EXPECT_EQ(y.sizes(),
                  transposed ? (std::vector<int64_t>{2, 3, 3, 8, 12}) : (std::vector<int64_t>{2, 3, 3, 2, 3}));
        for (int64_t d = 0; d < 3; ++d) {
            EXPECT_LE(test::relative_difference(conv.forward(x.slice(2, d, d + 1)), y.slice(2, d, d + 1)), 1e-6);
        }
        EXPECT_EQ(conv.named_parameters()["weight"].size(2), 1);
    }
}

}  // namespace
}  // namespace vox::nn
