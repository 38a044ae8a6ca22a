#pragma once
// What a prompt says, and how an answer is worded: transformers over tokens of words (core/tokens.hpp).

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "nn/linear.hpp"
#include "nn/transformer_block.hpp"

namespace vox::nn {

/// Of a transformer over words.
struct TextShape {
    int64_t vocabulary_size;
    int64_t most_tokens;  // of a row
    int64_t channels;
    int64_t heads;  // divides channels
    int64_t blocks;
    double dropout_prob = 0;
};

/// Vectors of words and of their places, added.  Parameters `words` [vocabulary_size,C] and `places` [most_tokens,C].
class TokenEmbedding : public torch::nn::Module {
public:
    TokenEmbedding(const TextShape& shape, WeightSource& weights);
    /// tokens [B,L] int64 below vocabulary_size, L from 1 to most_tokens -> [B,L,C].  B may be 0.  Throws InternalError for other
    /// sizes or another type, c10::Error (CPU) for a token beyond the vocabulary.
    at::Tensor forward(const at::Tensor& tokens) const;

private:
    at::Tensor words_, places_;
};

/// TokenEmbedding, `blocks` TransformerBlocks of self-attention, LayerNorm.  Padding is not seen by words.
class TextEncoder : public torch::nn::Module {
public:
    TextEncoder(const TextShape& shape, WeightSource& weights);
    /// tokens as TokenEmbedding takes them -> [B,L,C]; the values of padding are finite and mean nothing.
    at::Tensor forward(const at::Tensor& tokens) const;

private:
    std::shared_ptr<TokenEmbedding> embedding_;
    std::vector<std::shared_ptr<TransformerBlock>> blocks_;
    std::shared_ptr<LayerNorm> norm_;
};

/// Foretells each next word of an answer from those before it and from a context: TokenEmbedding, `blocks` TransformerBlocks of
/// self-attention to what came before and cross-attention, LayerNorm, a linear layer to the vocabulary.
class AnswerDecoder : public torch::nn::Module {
public:
    AnswerDecoder(const TextShape& shape, WeightSource& weights);
    /// tokens [B,T] as TokenEmbedding takes them, beginning with kBeginToken; context [B,M,C]; context_seen [B,M] bool, in each row
    /// at least one -> logits [B,T,vocabulary_size], of which [:,t] are of token t + 1 and depend on tokens up to t.
    at::Tensor forward(const at::Tensor& tokens, const at::Tensor& context, const at::Tensor& context_seen) const;
    /// The most likely word after the other, without gradients -> [B,T] int64 from kBeginToken on, up to most_tokens; behind
    /// kEndToken there is padding.  In evaluation mode.
    at::Tensor generate(const at::Tensor& context, const at::Tensor& context_seen) const;

private:
    int64_t most_tokens_;
    std::shared_ptr<TokenEmbedding> embedding_;
    std::vector<std::shared_ptr<TransformerBlock>> blocks_;
    std::shared_ptr<LayerNorm> norm_;
    std::shared_ptr<Linear> words_;
};

}  // namespace vox::nn
