#include "nn/text_encoder.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>

#include <string>

#include "core/error.hpp"
#include "core/text.hpp"
#include "core/tokens.hpp"

namespace vox::nn {
namespace {

std::vector<std::shared_ptr<TransformerBlock>> make_blocks(torch::nn::Module& owner, const TextShape& text,
                                                           int64_t context_channels, WeightSource& weights) {
    const TransformerBlock::Shape shape{.channels = text.channels,
                                        .heads = text.heads,
                                        .context_channels = context_channels,
                                        .dropout_prob = text.dropout_prob};
    const auto list = owner.register_module("blocks", std::make_shared<torch::nn::Module>());
    std::vector<std::shared_ptr<TransformerBlock>> blocks;
    for (int64_t i = 0; i < text.blocks; ++i) {
        blocks.push_back(list->register_module(std::to_string(i), std::make_shared<TransformerBlock>(shape, weights)));
    }
    return blocks;
}

}  // namespace

TokenEmbedding::TokenEmbedding(const TextShape& shape, WeightSource& weights) {
    words_ = register_parameter("words", at::empty({shape.vocabulary_size, shape.channels}));
    places_ = register_parameter("places", at::empty({shape.most_tokens, shape.channels}));
    weights.fill_normal(words_);
    weights.fill_normal(places_);
}

at::Tensor TokenEmbedding::forward(const at::Tensor& tokens) const {
    const bool fits = tokens.dim() == 2 && tokens.scalar_type() == at::kLong && tokens.size(1) > 0 &&
                      tokens.size(1) <= places_.size(0);
    core::check(fits,
                core::concat("tokens are [", core::join(tokens.sizes()), "] of ", at::toString(tokens.scalar_type()),
                             ", expected [B, 1 to ", places_.size(0), "] of int64"));
    return at::embedding(words_, tokens) + places_.slice(0, 0, tokens.size(1));
}

TextEncoder::TextEncoder(const TextShape& shape, WeightSource& weights) {
    embedding_ = register_module("embedding", std::make_shared<TokenEmbedding>(shape, weights));
    blocks_ = make_blocks(*this, shape, /*context_channels=*/0, weights);
    norm_ = register_module("norm", std::make_shared<LayerNorm>(shape.channels));
}

at::Tensor TextEncoder::forward(const at::Tensor& tokens) const {
    auto x = embedding_->forward(tokens);
    auto words = tokens.ne(core::kPadToken);
    words.select(1, 0).fill_(true);  // a row of padding: not every kernel makes 0 of a softmax over nothing
    const TransformerBlock::Seen seen{.self = words.unsqueeze(1).unsqueeze(1)};
    for (const auto& block : blocks_) x = block->forward(x, {}, seen);
    return norm_->forward(x);
}

AnswerDecoder::AnswerDecoder(const TextShape& shape, WeightSource& weights) : most_tokens_(shape.most_tokens) {
    embedding_ = register_module("embedding", std::make_shared<TokenEmbedding>(shape, weights));
    blocks_ = make_blocks(*this, shape, /*context_channels=*/shape.channels, weights);
    norm_ = register_module("norm", std::make_shared<LayerNorm>(shape.channels));
    words_ = register_module("words", std::make_shared<Linear>(shape.channels, shape.vocabulary_size, weights));
}

// Padding lies behind an answer, where nothing that counts looks: the causal mask is mask enough.
at::Tensor AnswerDecoder::forward(const at::Tensor& tokens, const at::Tensor& context,
                                  const at::Tensor& context_seen) const {
    auto x = embedding_->forward(tokens);
    const int64_t length = tokens.size(1);
    const TransformerBlock::Seen seen{.self = at::ones({length, length}, context_seen.options()).tril(),
                                      .context = context_seen.unsqueeze(1).unsqueeze(1)};
    for (const auto& block : blocks_) x = block->forward(x, context, seen);
    return words_->forward(norm_->forward(x));
}

at::Tensor AnswerDecoder::generate(const at::Tensor& context, const at::Tensor& context_seen) const {
    const at::NoGradGuard no_grad;
    auto tokens =
        at::full({context.size(0), 1}, core::kBeginToken, at::TensorOptions(at::kLong).device(context.device()));
    auto ended = tokens.eq(core::kEndToken);
    while (tokens.size(1) < most_tokens_ && !ended.all().item<bool>()) {
        const auto logits = forward(tokens, context, context_seen).select(1, -1);
        const auto next = logits.argmax(1, /*keepdim=*/true).masked_fill(ended, core::kPadToken);
        tokens = at::cat({tokens, next}, 1);
        ended = ended.logical_or(next.eq(core::kEndToken));
    }
    return tokens;
}

}  // namespace vox::nn
