#include "nn/prompted_segmentor.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>

#include "core/error.hpp"
#include "core/text.hpp"
#include "core/tokens.hpp"

namespace vox::nn {
namespace {

using core::concat;

/// Of prompts.
TextShape text_shape(const PromptedSegmentorOptions& options) {
    return {.vocabulary_size = options.vocabulary_size,
            .most_tokens = options.most_tokens,
            .channels = options.token_channels,
            .heads = options.heads,
            .blocks = options.text_blocks,
            .dropout_prob = options.dropout_prob};
}

std::vector<int64_t> voxels_of(const at::Tensor& x) { return x.sizes().slice(2).vec(); }

}  // namespace

PromptedSegmentor::PromptedSegmentor(const PromptedSegmentorOptions& options, uint64_t seed,
                                     comm::Communicator* communicator)
    : options_(options) {
    if (const auto problem = options.problem(); !problem.empty()) {
        throw core::ConfigError(concat("prompted_segmentor: ", problem));
    }
    WeightSource weights(seed);
    build_encoder(communicator, weights);
    build_prompt(weights);
    build_blocks(weights);
    build_answers(weights);
    build_decoder(communicator, weights);
}

void PromptedSegmentor::build_encoder(comm::Communicator* communicator, WeightSource& weights) {
    const auto unit = [&](int64_t in, int64_t out, int64_t stride) {
        const Conv3d::Shape shape{.in_channels = in, .out_channels = out, .stride = stride, .flat = options_.flat};
        return std::make_shared<ConvNormRelu>(shape, make_norm(options_.norm, out, options_.norm_groups, communicator),
                                              weights);
    };
    const auto list = register_module("down", std::make_shared<torch::nn::Module>());
    int64_t in = options_.in_channels;
    for (size_t i = 0; i < options_.channels.size(); ++i) {
        const int64_t out = options_.channels[i];
        const auto level = list->register_module(std::to_string(i), std::make_shared<torch::nn::Module>());
        const auto first = level->register_module("first", unit(in, out, i == 0 ? 1 : 2));
        down_.push_back({.first = first, .second = level->register_module("second", unit(out, out, 1))});
        in = out;
    }
    const Conv3d::Shape shape{.in_channels = in, .out_channels = options_.token_channels, .kernel = 1, .bias = true};
    to_tokens_ = register_module("to_tokens", std::make_shared<Conv3d>(shape, weights));
}

void PromptedSegmentor::build_prompt(WeightSource& weights) {
    text_ = register_module("text", std::make_shared<TextEncoder>(text_shape(options_), weights));
    places_ = register_module("places", std::make_shared<FourierFeatures>(options_.token_channels, weights));
    points_ = register_module("points", std::make_shared<PointEncoder>(options_.token_channels, weights));
}

void PromptedSegmentor::build_blocks(WeightSource& weights) {
    const auto add = [&](const char* name, int64_t count, bool among_themselves) {
        const TransformerBlock::Shape block{.channels = options_.token_channels,
                                            .heads = options_.heads,
                                            .self_attention = among_themselves,
                                            .context_channels = among_themselves ? 0 : options_.token_channels,
                                            .dropout_prob = options_.dropout_prob};
        std::vector<std::shared_ptr<TransformerBlock>> blocks;
        const auto list = register_module(name, std::make_shared<torch::nn::Module>());
        for (int64_t i = 0; i < count; ++i) {
            blocks.push_back(
                list->register_module(std::to_string(i), std::make_shared<TransformerBlock>(block, weights)));
        }
        return blocks;
    };
    image_blocks_ = add("image_blocks", options_.image_blocks, true);
    fusion_ = add("fusion", options_.fusion_blocks, false);
    fused_norm_ = register_module("fused_norm", std::make_shared<LayerNorm>(options_.token_channels));
}

void PromptedSegmentor::build_answers(WeightSource& weights) {
    position_ = register_module("position", std::make_shared<PositionHead>(options_.token_channels, options_.heads,
                                                                           options_.position_classes, weights));
    if (options_.answer_blocks == 0) return;
    TextShape answers = text_shape(options_);
    answers.most_tokens = options_.most_answer_tokens;
    answers.blocks = options_.answer_blocks;
    answer_ = register_module("answer", std::make_shared<AnswerDecoder>(answers, weights));
}

void PromptedSegmentor::build_decoder(comm::Communicator* communicator, WeightSource& weights) {
    const bool flat = options_.flat;
    const Conv3d::Shape from{
        .in_channels = options_.token_channels, .out_channels = options_.channels.back(), .kernel = 1, .bias = true};
    from_tokens_ = register_module("from_tokens", std::make_shared<Conv3d>(from, weights));
    const auto list = register_module("up", std::make_shared<torch::nn::Module>());
    for (size_t i = 0; i + 1 < options_.channels.size(); ++i) {
        const int64_t below = options_.channels[i + 1], here = options_.channels[i];
        const auto level = list->register_module(std::to_string(i), std::make_shared<torch::nn::Module>());
        const Conv3d::Shape up{
            .in_channels = below, .out_channels = here, .stride = 2, .bias = true, .transposed = true, .flat = flat};
        const Conv3d::Shape join{.in_channels = 2 * here, .out_channels = here, .flat = flat};
        auto norm = make_norm(options_.norm, here, options_.norm_groups, communicator);
        up_.push_back({.up = level->register_module("up", std::make_shared<Conv3d>(up, weights)),
                       .join = level->register_module("join", std::make_shared<ConvNormRelu>(join, norm, weights))});
    }
    const Conv3d::Shape last{.in_channels = options_.channels[0], .out_channels = 1, .kernel = 1, .bias = true};
    last_ = register_module("last", std::make_shared<Conv3d>(last, weights));
}

void PromptedSegmentor::check_image(const at::Tensor& image) const {
    const int64_t divisor = options_.size_divisor();
    bool fits = image.dim() == 5 && image.size(1) == options_.in_channels;
    for (int64_t axis = 2; fits && axis < 5; ++axis) {
        fits = image.size(axis) > 0 && (image.size(axis) % divisor == 0 || (axis == 2 && options_.flat));
    }
    if (fits) return;
    throw core::DataError(concat("prompted_segmentor: the image is [", core::join(image.sizes()), "], expected [B, ",
                                 options_.in_channels, ", D, H, W] with ", options_.flat ? "" : "D, ",
                                 "H and W multiples of ", divisor, ": resize images to such a size"));
}

PromptedSegmentor::Tokens PromptedSegmentor::read_prompt(const PromptedInputs& inputs) const {
    std::vector<at::Tensor> values, seen;
    if (inputs.words.defined()) {
        values.push_back(text_->forward(inputs.words));
        seen.push_back(inputs.words.ne(core::kPadToken));
    }
    core::check(inputs.points.defined() == inputs.kinds.defined(), "points of a prompt and their kinds go together");
    if (inputs.points.defined()) {
        values.push_back(points_->forward(inputs.points, inputs.kinds, *places_));
        seen.push_back(inputs.kinds.ne(static_cast<int64_t>(PointKind::none)));
    }
    if (values.empty()) throw core::DataError("there is no prompt: give words, points or a box for each image");
    const Tokens prompt{.values = at::cat(values, 1), .seen = at::cat(seen, 1)};
    const auto without = prompt.seen.any(1).logical_not_();
    if (without.any().item<bool>()) {
        throw core::DataError(concat("item ", without.nonzero()[0].item<int64_t>(),
                                     " of the batch has no prompt: give words, points or a box for each image"));
    }
    return prompt;
}

PromptedSegmentor::Fused PromptedSegmentor::fuse(const PromptedInputs& inputs) const {
    check_image(inputs.image);
    Fused fused;
    at::Tensor x = inputs.image;
    for (const auto& level : down_) {
        x = level.second->forward(level.first->forward(x));
        fused.levels.push_back(x);
    }
    const auto grid = places_->of_grid({x.size(2), x.size(3), x.size(4)});
    fused.image = to_tokens_->forward(x).flatten(2).transpose(1, 2) + grid;
    for (const auto& block : image_blocks_) fused.image = block->forward(fused.image, {}, {});
    fused.prompt = read_prompt(inputs);
    const TransformerBlock::Seen seen{.context = fused.prompt.seen.unsqueeze(1).unsqueeze(1)};
    for (const auto& block : fusion_) fused.image = block->forward(fused.image, fused.prompt.values, seen);
    fused.image = fused_norm_->forward(fused.image);
    return fused;
}

at::Tensor PromptedSegmentor::decode(const Fused& fused) const {
    const auto& deepest = fused.levels.back();
    std::vector<int64_t> sizes{deepest.size(0), options_.token_channels};
    for (const int64_t n : voxels_of(deepest)) sizes.push_back(n);
    auto x = deepest + from_tokens_->forward(fused.image.transpose(1, 2).reshape(sizes));
    for (size_t i = up_.size(); i-- > 0;) {
        x = up_[i].join->forward(at::cat({up_[i].up->forward(x), fused.levels[i]}, 1));
    }
    return last_->forward(x);
}

PromptedSegmentor::Tokens PromptedSegmentor::context_of(const Fused& fused) {
    const auto all = at::ones({fused.image.size(0), fused.image.size(1)}, fused.prompt.seen.options());
    return {.values = at::cat({fused.prompt.values, fused.image}, 1), .seen = at::cat({fused.prompt.seen, all}, 1)};
}

PromptedOutputs PromptedSegmentor::forward(const PromptedInputs& inputs) const {
    const auto fused = fuse(inputs);
    PromptedOutputs outputs{.mask = decode(fused), .position = position_->forward(fused.image), .answer = {}};
    if (!inputs.answers.defined()) return outputs;
    core::check(answer_ != nullptr, "answers to a prompted_segmentor without answer_blocks");
    const auto context = context_of(fused);
    outputs.answer = answer_->forward(inputs.answers, context.values, context.seen);
    return outputs;
}

at::Tensor PromptedSegmentor::answer(const PromptedInputs& inputs) const {
    core::check(answer_ != nullptr, "answers of a prompted_segmentor without answer_blocks");
    const auto context = context_of(fuse(inputs));
    return answer_->generate(context.values, context.seen);
}

int64_t PromptedSegmentor::parameter_count() const {
    int64_t count = 0;
    for (const auto& parameter : parameters()) count += parameter.numel();
    return count;
}

}  // namespace vox::nn
