#pragma once
// Small prompted networks, and what they are put through.

#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>

#include <vector>

#include "nn/prompted_segmentor.hpp"
#include "support/golden.hpp"

namespace vox::nn {

/// Two levels, one block of each kind, 11 tokens, without dropout.
inline PromptedSegmentorOptions small_prompted(bool flat) {
    return {.flat = flat,
            .channels = {8, 16},
            .norm_groups = 4,
            .token_channels = 16,
            .heads = 2,
            .fusion_blocks = 1,
            .text_blocks = 1,
            .answer_blocks = 1,
            .dropout_prob = 0,
            .vocabulary_size = 11,
            .most_tokens = 8,
            .most_answer_tokens = 6,
            .position_classes = 9};
}

/// `items` items: all with words, a point and its padding; answers.
inline PromptedInputs prompted_inputs(const PromptedSegmentorOptions& options, int64_t items) {
    const int64_t depth = options.flat ? 1 : 4;
    const auto tokens = [&](int64_t length, uint32_t layer) {
        auto row = (8 * test::uniform({items, length}, layer)).to(at::kLong) + 3;
        row.select(1, 0).fill_(1);
        row.select(1, length - 2).fill_(2);
        row.select(1, length - 1).fill_(0);
        return row;
    };
    PromptedInputs inputs{.image = (2 * test::uniform({items, 1, depth, 6, 4}, 1890) - 1).to(at::kFloat),
                          .words = tokens(7, 1891),
                          .points = test::uniform({items, 2, 3}, 1892).to(at::kFloat),
                          .kinds = (4 * test::uniform({items, 2}, 1893)).to(at::kLong),
                          .answers = tokens(5, 1894)};
    inputs.kinds.select(1, 1).fill_(static_cast<int64_t>(PointKind::none));
    return inputs;
}

/// Items [begin, end).
inline PromptedInputs part(const PromptedInputs& inputs, int64_t begin, int64_t end) {
    PromptedInputs some = inputs;
    for (auto* tensor : {&some.image, &some.words, &some.points, &some.kinds, &some.answers}) {
        if (tensor->defined()) *tensor = tensor->slice(0, begin, end);
    }
    return some;
}

/// All outputs in one row an item, so that tests compare them at once.
inline at::Tensor joined(const PromptedOutputs& outputs) {
    return at::cat({outputs.mask.flatten(1), outputs.position, outputs.answer.flatten(1)}, 1);
}

}  // namespace vox::nn
