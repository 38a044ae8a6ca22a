#include "nn/prompted_segmentor_options.hpp"

#include <algorithm>
#include <utility>

#include "config/section.hpp"
#include "core/text.hpp"
#include "core/tokens.hpp"
#include "nn/norm.hpp"
#include "nn/options.hpp"

namespace vox::nn {
namespace {

using core::concat;

}  // namespace

void PromptedSegmentorOptions::read(config::Section& section, const ModelOptions& model) {
    if (model.name == "prompted_segmentor") {  // else nothing is built of these
        norm = model.norm;
        norm_groups = model.norm_groups;
        dropout_prob = model.dropout_prob;
    }
    section.value("channels", channels,
                  "channels of each level of the encoder, from full size down; each halves the size");
    section.value("token_channels", token_channels, "of the tokens of images, words and points");
    section.value("heads", heads, "of attentions; divides token_channels");
    section.value(
        "image_blocks", image_blocks,
        "blocks in which the image's tokens attend to each other, as in a vision transformer (ViT), before they "
        "see the prompt; 0: the encoder is convolutions only");
    section.value("fusion_blocks", fusion_blocks, "blocks in which the image's tokens attend to the prompt");
    section.value("text_blocks", text_blocks, "blocks of the encoder of words");
    section.value("answer_blocks", answer_blocks,
                  "blocks of the decoder of answers; 0: the network answers with masks only");
    section.value("most_tokens", most_tokens, "words of a prompt, its begin and end counted; longer ones are refused");
    section.value("most_answer_tokens", most_answer_tokens, "the same of an answer");
    auto whole = *this;
    if (whole.vocabulary_size == 0) whole.vocabulary_size = core::kEndToken + 2;  // the data say how large it is
    const auto found = whole.problem();
    section.require(found.empty(), found);
}

std::string PromptedSegmentorOptions::problem() const {
    const std::vector<std::pair<const char*, int64_t>> counts{
        {"in_channels", in_channels},     {"heads", heads},
        {"fusion_blocks", fusion_blocks}, {"text_blocks", text_blocks},
        {"norm_groups", norm_groups},     {"token_channels", token_channels}};
    for (const auto& [name, count] : counts) {
        if (count < 1) return concat(name, " is ", count, ", it must be 1 or more");
    }
    for (const auto& [name, count] : {std::pair{"image_blocks", image_blocks}, {"answer_blocks", answer_blocks}}) {
        if (count < 0) return concat(name, " is ", count, ", it must be 0 or more");
    }
    if (channels.size() < 2 || channels.size() > 10) {
        return concat("channels has ", channels.size(), " levels, it must have 2 to 10");
    }
    for (const int64_t count : channels) {
        if (count < 1) return concat("channels has ", count, ", each must be 1 or more");
        if (norm == "group" && count % norm_groups != 0) {
            return concat("channels has ", count, ", of which norm_groups ", norm_groups, " is no divisor");
        }
    }
    if (std::ranges::find(norm_kinds(), norm) == norm_kinds().end()) {
        return concat("norm is '", norm, "', it must be one of ", core::join(norm_kinds()));
    }
    if (token_channels % 2 != 0 || token_channels % heads != 0) {
        return concat("token_channels is ", token_channels, ", it must be even and a multiple of heads, ", heads);
    }
    if (!(dropout_prob >= 0 && dropout_prob < 1)) {
        return concat("dropout_prob is ", dropout_prob, ", it must be at least 0 and below 1");
    }
    if (vocabulary_size <= core::kEndToken + 1)
        return concat("a vocabulary of ", vocabulary_size, " tokens has no word");
    if (most_tokens < 3 || most_answer_tokens < 3) {
        return concat("most_tokens is ", most_tokens, " and most_answer_tokens ", most_answer_tokens,
                      ", each must be 3 or more: a word between begin and end");
    }
    if (position_classes < 2) return concat("position_classes is ", position_classes, ", it must be 2 or more");
    return "";
}

}  // namespace vox::nn
