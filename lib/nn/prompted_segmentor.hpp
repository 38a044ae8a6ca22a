#pragma once
// From an image and a prompt (words, points, boxes) to the mask of what is meant: the trainable part of models of PRS-Med's kind
// (arXiv 2505.11872), with a small transformer over a closed vocabulary in the place of a large language model.

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "nn/conv_norm_relu.hpp"
#include "nn/point_encoder.hpp"
#include "nn/position_head.hpp"
#include "nn/prompted_segmentor_options.hpp"
#include "nn/text_encoder.hpp"

namespace vox::nn {

/// What a PromptedSegmentor is given of a batch.  Each item has a prompt: a word, or a point.
struct PromptedInputs {
    at::Tensor image;  // [B,C,D,H,W] floating
    at::Tensor words;  // [B,L] int64, padded by kPadToken; undefined: no words in the batch
    at::Tensor points{};  // [B,P,3] in parts of the image, 0 to 1, D,H,W; undefined: none in the batch
    at::Tensor kinds{};  // [B,P] int64, PointKind; undefined with `points`
    at::Tensor answers{};  // [B,T] int64 from kBeginToken on, which the answers' logits follow; undefined: no logits
};

struct PromptedOutputs {
    at::Tensor mask;  // [B,1,D,H,W] logits
    at::Tensor position;  // [B,position_classes] logits
    at::Tensor answer;  // [B,T,vocabulary_size] logits, as AnswerDecoder; undefined where there are no answers
};

/// Strided convolutions bring the image to tokens, which are added the Fourier features of their places; `image_blocks` transformer
/// blocks let them attend to each other, as in a vision transformer behind convolutions (Xiao et al. 2021, "Early convolutions help
/// transformers see better"); `fusion_blocks` let them attend to the words and points of the prompt; a decoder of transposed convolutions
/// brings them back to full size, with what the encoder had there.  Points are told by the same features as the image's tokens, so that
/// attention can compare them.  The network sees a whole image, whatever its size: a prompt's sides are those of what it is given, so
/// that no crop may be taken without its prompt.  Position and answer are read off the fused tokens.
class PromptedSegmentor : public torch::nn::Module {
public:
    /// In training mode, float32, on the host.  The weights are a pure function of `seed`.  `communicator` is for norm sync_batch; it must
    /// outlive the network.  Throws ConfigError for options with a problem.
    PromptedSegmentor(const PromptedSegmentorOptions& options, uint64_t seed,
                      comm::Communicator* communicator = nullptr);

    /// B may be 0.  In training mode dropout draws from the thread's ops::RandomScope.  All ranks alike with norm sync_batch.  Throws
    /// DataError for an image of other sizes, and for an item without a prompt.
    PromptedOutputs forward(const PromptedInputs& inputs) const;
    /// Answers in words -> [B,T] int64, as AnswerDecoder::generate; `inputs.answers` is not looked at.  In evaluation mode.  Throws
    /// InternalError where there are no answer blocks.
    at::Tensor answer(const PromptedInputs& inputs) const;

    /// The number of trained values.
    int64_t parameter_count() const;

private:
    struct Level {
        std::shared_ptr<ConvNormRelu> first, second;
    };
    struct UpLevel {
        std::shared_ptr<Conv3d> up;
        std::shared_ptr<ConvNormRelu> join;
    };
    /// Tokens [B,N,token_channels], and which of them are there [B,N].
    struct Tokens {
        at::Tensor values, seen;
    };
    struct Fused {
        std::vector<at::Tensor> levels;  // of the encoder, from full size
        at::Tensor image;  // [B,tokens,token_channels]
        Tokens prompt;
    };
    void build_encoder(comm::Communicator* communicator, WeightSource& weights);
    void build_decoder(comm::Communicator* communicator, WeightSource& weights);
    void build_prompt(WeightSource& weights);
    void build_blocks(WeightSource& weights);
    void build_answers(WeightSource& weights);
    void check_image(const at::Tensor& image) const;
    Tokens read_prompt(const PromptedInputs& inputs) const;
    Fused fuse(const PromptedInputs& inputs) const;
    at::Tensor decode(const Fused& fused) const;
    static Tokens context_of(const Fused& fused);

    PromptedSegmentorOptions options_;
    std::vector<Level> down_;  // from full size
    std::vector<UpLevel> up_;  // of level 0, 1, ...
    std::shared_ptr<Conv3d> to_tokens_, from_tokens_, last_;
    std::shared_ptr<FourierFeatures> places_;
    std::shared_ptr<PointEncoder> points_;
    std::shared_ptr<TextEncoder> text_;
    std::vector<std::shared_ptr<TransformerBlock>> image_blocks_, fusion_;
    std::shared_ptr<LayerNorm> fused_norm_;
    std::shared_ptr<PositionHead> position_;
    std::shared_ptr<AnswerDecoder> answer_;  // null where there are no answers
};

}  // namespace vox::nn
