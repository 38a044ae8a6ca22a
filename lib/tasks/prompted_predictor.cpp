#include "tasks/prompted_predictor.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <array>
#include <utility>

#include "core/error.hpp"

namespace vox::tasks {
namespace {

/// Logits [d,h,w] of any size on the case's grid [D,H,W], above 0 where the thing is.
at::Tensor mask_of(const at::Tensor& logits, const core::Index3& size) {
    const at::Tensor from = logits.to(at::kCPU, at::kFloat).contiguous();
    const core::Index3 have{from.size(0), from.size(1), from.size(2)};
    if (have == size) return from.gt(0);
    at::Tensor to = at::empty({size[0], size[1], size[2]}, at::kFloat);
    data::resize_image({from.const_data_ptr<float>(), static_cast<size_t>(from.numel())}, 1, have,
                       {size, data::ResizeMode::trilinear},
                       {to.mutable_data_ptr<float>(), static_cast<size_t>(to.numel())});
    return to.gt(0);
}

}  // namespace

PromptedPredictor::PromptedPredictor(std::shared_ptr<nn::PromptedSegmentor> model, PromptedFacts facts,
                                     nn::PromptedSegmentorOptions network, WholeImages images)
    : model_(std::move(model)), facts_(std::move(facts)), network_(std::move(network)), images_(std::move(images)) {}

data::Sample PromptedPredictor::prepared(const data::Sample& stored) const {
    data::Sample seen = stored;
    seen.label.reset();
    seen = data::resized(seen, images_.resize);
    const std::array<const data::CaseInfo*, 1> cases{stored.info};
    seen.image = data::normalise(seen.image.unsqueeze(0), cases, images_.intensities).squeeze(0);
    seen.label = stored.label;
    return seen;
}

PromptAnswer PromptedPredictor::ask(const data::Sample& seen, const Question& question, bool in_words) {
    const at::NoGradGuard no_grad;
    const bool was_training = model_->is_training();
    model_->eval();
    const auto image = seen.image.unsqueeze(0).to(model_->parameters().front().options());
    const auto inputs = inputs_of(image, {&question, 1}, network_);
    const auto outputs = model_->forward(inputs);
    PromptAnswer answer{.mask = mask_of(outputs.mask[0][0], seen.info->size()),
                        .position = outputs.position.argmax(1).item<int64_t>(),
                        .words = {}};
    if (in_words && answers_in_words()) {
        const auto tokens = model_->answer(inputs).cpu().contiguous();
        answer.words =
            facts_.vocabulary.decode({tokens.const_data_ptr<int64_t>(), static_cast<size_t>(tokens.numel())});
    }
    model_->train(was_training);
    return answer;
}

std::vector<int64_t> PromptedPredictor::tokens(const std::string& prompt) const {
    return facts_.vocabulary.encode(prompt, static_cast<size_t>(network_.most_tokens));
}

void PromptedPredictor::set_prompt(const std::string& prompt) {
    Question question;
    question.words = tokens(prompt);
    prompt_ = std::move(question);
}

infer::Prediction PromptedPredictor::predict(const data::Sample& stored) {
    if (!prompt_) throw core::UsageError("there is no prompt: say what is to be segmented (--prompt or --prompts)");
    return {.label_map = ask(prepared(stored), *prompt_, false).mask.to(at::kByte),
            .probabilities = {},
            .volumes = {},
            .values = {}};
}

std::string PromptedPredictor::position_text(int64_t position) const {
    return data::position_text(data::position_of_class(position, facts_.space), facts_.space,
                               data::PositionDetail::whole);
}

}  // namespace vox::tasks
