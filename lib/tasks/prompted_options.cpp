#include "tasks/prompted_options.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::tasks {
namespace {

constexpr std::array<PromptForm, 3> kForms{PromptForm::words, PromptForm::points, PromptForm::boxes};

bool is_weight(double value) { return std::isfinite(value) && value >= 0; }

}  // namespace

const char* name_of(PromptForm form) {
    if (form == PromptForm::words) return "words";
    return form == PromptForm::points ? "points" : "boxes";
}

std::vector<PromptForm> PromptedOptions::forms() const {
    std::vector<PromptForm> forms;
    for (const auto form : kForms)
        if (std::ranges::find(prompts, name_of(form)) != prompts.end()) forms.push_back(form);
    return forms;
}

void PromptedOptions::read(config::Section& section) {
    section.value(
        "prompts", prompts,
        "how the network is told what to segment, each item in one of these ways: words (questions of the data "
        "set), points (one inside of it), boxes (around it)");
    section.value(
        "position_weight", position_weight,
        "of the cross-entropy of where the thing lies, in 9 classes of pictures and 17 of volumes; 0: not learnt");
    section.value("answer_weight", answer_weight,
                  "of the cross-entropy of the answers' words; 0, or prompted_segmentor.answer_blocks: 0: not learnt");
    section.value("box_jitter", box_jitter,
                  "how far the sides of a training box may lie from the thing, in parts of its length along the axis");
    section.value("validation_questions", validation_questions,
                  "questions in words that validation asks of each thing in a case; 0: all of the data set");
    section.require(
        !prompts.empty() && forms().size() == prompts.size(),
        core::concat("prompts: [", core::join(prompts), "] must be different ones of words, points, boxes"));
    section.require(is_weight(position_weight), "position_weight must not be negative");
    section.require(is_weight(answer_weight), "answer_weight must not be negative");
    section.require(box_jitter >= 0 && box_jitter < 0.5, "box_jitter must be at least 0 and below 0.5");
    section.require(validation_questions >= 0, "validation_questions must not be negative");
}

}  // namespace vox::tasks
