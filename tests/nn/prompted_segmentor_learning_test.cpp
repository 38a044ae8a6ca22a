// What a prompt is for: two equal squares in a picture, and only the prompt tells which one is meant.

#include <ATen/core/grad_mode.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <torch/optim/adamw.h>

#include "nn/prompted_segmentor.hpp"
#include "support/golden.hpp"

namespace vox::nn {
namespace {

constexpr int64_t kSide = 16, kItems = 8;
enum : int64_t { kLeft = 3, kRight = 4, kSquare = 5 };

struct Lesson {
    PromptedInputs inputs;
    at::Tensor target;  // [B,1,1,H,W]
    at::Tensor side;  // [B] 0 left, 1 right
};

// A square in each half; the prompt says "left square" or "right square", or shows a point in the one that is meant.
Lesson lesson(uint32_t number, bool by_words) {
    const auto u = test::uniform({kItems, 5}, 1900 + number);
    Lesson result{.inputs = {.image = at::zeros({kItems, 1, 1, kSide, kSide}), .words = {}},
                  .target = at::zeros({kItems, 1, 1, kSide, kSide}),
                  .side = u.select(1, 4).gt(0.5).to(at::kLong)};
    auto words = at::zeros({kItems, 4}, at::kLong), kinds = at::zeros({kItems, 1}, at::kLong) + 1;
    auto points = at::zeros({kItems, 1, 3});
    for (int64_t b = 0; b < kItems; ++b) {
        const auto side = result.side[b].item<int64_t>();
        for (int64_t half = 0; half < 2; ++half) {
            const auto row = static_cast<int64_t>(u[b][half].item<double>() * 12);
            const auto column = 8 * half + static_cast<int64_t>(u[b][2 + half].item<double>() * 4);
            result.inputs.image[b][0][0].slice(0, row, row + 4).slice(1, column, column + 4).fill_(1);
            if (half != side) continue;
            result.target[b][0][0].slice(0, row, row + 4).slice(1, column, column + 4).fill_(1);
            points[b][0][0] = 0.5;
            points[b][0][1] = static_cast<double>(row + 2) / kSide;
            points[b][0][2] = static_cast<double>(column + 2) / kSide;
        }
        words[b] = at::tensor({int64_t{1}, side == 0 ? kLeft : kRight, int64_t{kSquare}, int64_t{2}}, at::kLong);
    }
    if (by_words) {
        result.inputs.words = words;
    } else {
        result.inputs.points = points;
        result.inputs.kinds = kinds;
    }
    return result;
}

double dice(const at::Tensor& logits, const at::Tensor& target) {
    const auto found = logits.gt(0).to(at::kDouble);
    return 2 * (found * target).sum().item<double>() / (found.sum() + target.sum()).item<double>();
}

void learn(bool by_words) {
    PromptedSegmentorOptions options{.flat = true,
                                     .channels = {8, 16, 32},
                                     .token_channels = 32,
                                     .heads = 4,
                                     .fusion_blocks = 1,
                                     .text_blocks = 1,
                                     .answer_blocks = 0,
                                     .dropout_prob = 0,
                                     .vocabulary_size = 6,
                                     .position_classes = 2};
    PromptedSegmentor network(options, /*seed=*/1);
    torch::optim::AdamW optimizer(network.parameters(), torch::optim::AdamWOptions(3e-3));
    for (uint32_t step = 0; step < 300; ++step) {
        const auto now = lesson(step, by_words);
        const auto outputs = network.forward(now.inputs);
        const auto loss = at::binary_cross_entropy_with_logits(outputs.mask, now.target) +
                          0.1 * at::cross_entropy_loss(outputs.position, now.side);
        optimizer.zero_grad();
        loss.backward();
        optimizer.step();
    }
    network.eval();
    const at::NoGradGuard no_grad;
    const auto unseen = lesson(500, by_words);
    const auto outputs = network.forward(unseen.inputs);
    EXPECT_GE(dice(outputs.mask, unseen.target), 0.9);
    EXPECT_TRUE(outputs.position.argmax(1).equal(unseen.side));
    // The other prompt on the same pictures means the other square.
    auto other = unseen.inputs;
    const auto rest = unseen.inputs.image - unseen.target;
    if (by_words) {
        other.words = other.words.clone();
        other.words.select(1, 1).copy_(kLeft + kRight - unseen.inputs.words.select(1, 1));
        EXPECT_GE(dice(network.forward(other).mask, rest), 0.9);
    }
    EXPECT_LE(dice(outputs.mask, rest), 0.1);
}

TEST(PromptedSegmentorLearning, WordsTellWhichSquareIsMeant) { learn(true); }

TEST(PromptedSegmentorLearning, APointTellsWhichSquareIsMeant) { learn(false); }

}  // namespace
}  // namespace vox::nn
