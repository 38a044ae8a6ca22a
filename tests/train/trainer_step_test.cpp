// One step of the trainer on a task whose every step a closed form repeats: what is learnt and what is skipped.

#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "train/trainer_rig.hpp"

namespace vox::train {
namespace {

using test::difference;
using test::plain_options;
using test::Rig;
using test::SharedFolder;
using test::TinyTask;
using test::world;
using testing::HasSubstr;

/// What the closed form says of one step on `keys`, all ranks' items together.
struct Expected {
    double square = 0, tokens = 0, loss = 0, grad_norm = 0;
    at::Tensor encoder_gradient, head_gradient;
};

Expected expected_step(std::span<const ops::RandomKey> keys, const at::Tensor& e, const at::Tensor& h,
                       bool with_tokens = true) {
    const at::Tensor x = test::numbers(keys, 0, 4), z = test::numbers(keys, 1, 4);
    const at::Tensor y = test::numbers(keys, 2, 1).select(1, 0), c = test::tokens_of(keys);
    const at::Tensor part = x.matmul(e), r = part + z.matmul(h) - y;
    const double items = static_cast<double>(keys.size()), tokens = with_tokens ? c.sum().item<double>() : 0;
    const double token_factor = tokens > 0 ? 1 / tokens : 0;
    Expected result;
    result.square = (r * r).sum().item<double>() / 2 / items;
    result.tokens = (c * part * part).sum().item<double>() / 2 * token_factor;
    result.loss = TinyTask::kSquare * result.square + TinyTask::kTokens * result.tokens;
    result.encoder_gradient =
        x.t().matmul(r) * (TinyTask::kSquare / items) + x.t().matmul(c * part) * (TinyTask::kTokens * token_factor);
    result.head_gradient = z.t().matmul(r) * (TinyTask::kSquare / items);
    result.grad_norm = at::cat({result.encoder_gradient, result.head_gradient}).norm().item<double>();
    return result;
}

/// The keys of optimizer step `step`, of all ranks, in the global order.
std::vector<ops::RandomKey> keys_of_step(TinyTask& task, int64_t step, int64_t accumulation = 1) {
    const auto& sampler = task.train_data().sampler();
    auto position = sampler.position_of_step(step, accumulation);
    const auto order = sampler.epoch_order(position.epoch);
    std::vector<ops::RandomKey> keys;
    const int64_t group = sampler.group_size(position, accumulation);
    for (int64_t i = 0; i < group; ++i) {
        const auto range = sampler.range(position.micro_batch + i);
        for (int64_t k = range.begin; k < range.begin + range.size; ++k)
            keys.push_back(order[static_cast<size_t>(k)].key);
    }
    return keys;
}

// ---- What a step computes

TEST(TrainerStep, LossTermsGradientsAndWeightsEqualTheClosedForm) {
    const SharedFolder run;
    Rig rig(plain_options(6), run.path);
    rig.start();
    for (int64_t step = 0; step < 6; ++step) {  // two epochs of 4, 4 and 2 items: at 3 ranks one has none in the last
        const auto keys = keys_of_step(rig.task, step);
        const auto e = rig.encoder(), h = rig.head();
        const auto expected = expected_step(keys, e, h);
        const auto result = rig.trainer->step();
        EXPECT_EQ(result.items, step % 3 == 2 ? 2 : 4);
        EXPECT_NEAR(result.term_means.at(0), expected.square, 1e-12);
        EXPECT_NEAR(result.term_means.at(1), expected.tokens, 1e-12);
        EXPECT_NEAR(result.loss, expected.loss, 1e-12);
        EXPECT_NEAR(result.grad_norm, expected.grad_norm, 1e-12);
        EXPECT_LE(difference(rig.encoder(), e - expected.encoder_gradient * 0.05), 1e-13);
        EXPECT_LE(difference(rig.head(), h - expected.head_gradient * 0.05), 1e-13);
        EXPECT_FALSE(result.empty || result.bad || result.stop);
    }
    EXPECT_EQ(rig.trainer->skipped_steps(), 0);
}

TEST(TrainerStep, AccumulatedMicroBatchesEqualOneLargeOne) {
    const SharedFolder run;
    auto accumulated = plain_options(6);
    accumulated.accumulation = 2;
    Rig whole(plain_options(6), run.path / "whole", 4);
    whole.start();
    std::vector<double> losses;
    for (int step = 0; step < 6; ++step) losses.push_back(whole.trainer->step().loss);
    Rig parts(accumulated, run.path / "parts", 2);
    parts.start();
    for (int step = 0; step < 6; ++step) EXPECT_NEAR(parts.trainer->step().loss, losses[step], 1e-12);
    EXPECT_LE(difference(parts.encoder(), whole.encoder()), 1e-12);
    EXPECT_LE(difference(parts.head(), whole.head()), 1e-12);
}

TEST(TrainerStep, NeedsNoRunAroundIt) {
    const SharedFolder run;
    Rig rig(plain_options(3), run.path);  // not started: a benchmark of steps alone
    const auto e = rig.encoder();
    const auto expected = expected_step(keys_of_step(rig.task, 0), e, rig.head());
    EXPECT_NEAR(rig.trainer->step().loss, expected.loss, 1e-12);
    EXPECT_LE(difference(rig.encoder(), e - expected.encoder_gradient * 0.05), 1e-13);
}

TEST(TrainerStep, ATermWithoutWeightContributesNothing) {
    const SharedFolder run;
    Rig rig(plain_options(3), run.path);
    rig.start();
    rig.task.tokens_count = false;
    const auto e = rig.encoder();
    const auto expected = expected_step(keys_of_step(rig.task, 0), e, rig.head(), /*with_tokens=*/false);
    const auto result = rig.trainer->step();
    EXPECT_EQ(result.term_means.at(1), 0);
    EXPECT_NEAR(result.loss, expected.loss, 1e-12);
    EXPECT_LE(difference(rig.encoder(), e - expected.encoder_gradient * 0.05), 1e-13);
}

TEST(TrainerStep, NothingToLearnFromSkipsTheStepOnAllRanks) {
    const SharedFolder run;
    auto options = plain_options(3);
    options.optimizer.momentum = 0.9;  // an update by momentum alone would show
    options.ema.enabled = true;
    Rig rig(options, run.path);
    rig.start();
    rig.trainer->step();
    rig.task.square_counts = rig.task.tokens_count = false;
    const auto e = rig.encoder(), h = rig.head();
    const auto result = rig.trainer->step();
    EXPECT_TRUE(result.empty);
    EXPECT_EQ(result.items, 4);
    EXPECT_EQ(result.loss, 0);
    EXPECT_TRUE(at::equal(rig.encoder(), e));
    EXPECT_TRUE(at::equal(rig.head(), h));
    EXPECT_EQ(rig.task.net->forwards.item<double>(), 1);
    EXPECT_EQ(rig.trainer->skipped_steps(), 1);
    EXPECT_EQ(rig.trainer->steps_done(), 2);
}

TEST(TrainerStep, ClippingIsByTheGlobalNorm) {
    for (const double clip : {0.3, 1e6}) {
        const SharedFolder run;
        auto options = plain_options(2);
        options.clip_norm = clip;
        Rig rig(options, run.path);
        rig.start();
        const auto e = rig.encoder(), h = rig.head();
        const auto expected = expected_step(keys_of_step(rig.task, 0), e, h);
        ASSERT_GT(expected.grad_norm, 0.3);
        const double factor = std::min(1.0, clip / (expected.grad_norm + 1e-6));  // torch.nn.utils.clip_grad_norm_
        const auto result = rig.trainer->step();
        EXPECT_NEAR(result.grad_norm, expected.grad_norm, 1e-12) << "the norm before clipping is what is logged";
        EXPECT_LE(difference(rig.encoder(), e - expected.encoder_gradient * (0.05 * factor)), 1e-13);
        EXPECT_LE(difference(rig.head(), h - expected.head_gradient * (0.05 * factor)), 1e-13);
    }
}

TEST(TrainerStep, OneCycleMovesRateAndMomentum) {
    const SharedFolder run;
    auto options = plain_options(6);
    options.optimizer.momentum = 0.5;  // the schedule's stands for it
    options.schedule.name = "onecycle";
    Rig rig(options, run.path);
    rig.start();
    const Schedule schedule(options.schedule, 0.05, 6);
    at::Tensor moving = at::zeros({4}, at::kDouble);
    for (int64_t step = 0; step < 6; ++step) {
        const auto e = rig.encoder();
        const auto expected = expected_step(keys_of_step(rig.task, step), e, rig.head());
        moving = moving * schedule.momentum(step).value() + expected.encoder_gradient;
        EXPECT_EQ(rig.trainer->step().lr, schedule.lr(step));
        EXPECT_LE(difference(rig.encoder(), e - moving * schedule.lr(step)), 1e-13);
    }
}

TEST(TrainerStep, LearningRateGrowsWithTheEffectiveBatch) {
    const SharedFolder run;
    for (const auto& [scaling, factor] : {std::pair{"none", 1.0}, {"linear", 4.0}, {"sqrt", 2.0}}) {
        auto options = plain_options(2);
        options.accumulation = 2;
        options.schedule.lr_scaling = scaling;
        options.schedule.lr_scaling_base_batch = 2;
        Rig rig(options, run.path / scaling, 4);  // 4 items a micro-batch, twice: 8, four times the base
        rig.start();
        EXPECT_DOUBLE_EQ(rig.trainer->step().lr, 0.05 * factor) << scaling;
    }
}

// ---- What is not finite

TEST(TrainerBadStep, NanInOneRanksInputSkipsTheStepEverywhereAndNamesTheCases) {
    const SharedFolder run;
    Rig rig(plain_options(6), run.path);
    rig.start();
    rig.trainer->step();
    const auto keys = keys_of_step(rig.task, 1);
    const auto guilty = keys.back();  // an item of the last rank
    rig.task.poisoned = [&](const ops::RandomKey& key) { return key == guilty; };
    const auto& sampler = rig.task.train_data().sampler();
    std::string name;
    for (const auto& item : sampler.epoch_order(0))
        if (item.key == guilty) name = "case_" + std::to_string(item.case_index);
    const auto e = rig.encoder(), h = rig.head();
    testing::internal::CaptureStderr();
    const auto result = rig.trainer->step();
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(result.bad);
    EXPECT_TRUE(at::equal(rig.encoder(), e));
    EXPECT_TRUE(at::equal(rig.head(), h));
    EXPECT_EQ(rig.task.net->forwards.item<double>(), 1) << "statistics of the skipped step must not stay";
    EXPECT_EQ(rig.trainer->skipped_steps(), 1);
    if (world().is_root()) {
        EXPECT_THAT(log, HasSubstr("step 2 was skipped"));
        EXPECT_THAT(log, HasSubstr(name));
    }
    const auto expected = expected_step(keys_of_step(rig.task, 2), e, h);  // and the next step is a normal one
    EXPECT_FALSE(rig.trainer->step().bad);
    EXPECT_LE(difference(rig.encoder(), e - expected.encoder_gradient * 0.05), 1e-13);
}

TEST(TrainerBadStep, TooManyInARowEndTheRunOnAllRanksNamingCases) {
    const SharedFolder run;
    auto options = plain_options(100);
    options.max_bad_steps = 3;
    Rig rig(options, run.path);
    rig.start();
    int64_t step = 0;
    rig.task.on_prepare = [&] { ++step; };
    // Bad: 2 and 3, then 5, 6 and 7.  Only the last three are enough in a row.
    rig.task.poisoned = [&](const ops::RandomKey&) { return step == 2 || step == 3 || step >= 5; };
    std::string message;
    try {
        rig.trainer->run();
    } catch (const core::DataError& error) {
        message = error.what();
    }
    EXPECT_THAT(message, HasSubstr("3 steps in a row"));
    EXPECT_THAT(message, HasSubstr("step 7"));
    EXPECT_THAT(message, HasSubstr("case_"));
    EXPECT_EQ(rig.trainer->skipped_steps(), 5);
    const auto all = world().gather(message);
    EXPECT_THAT(all, testing::Each(message)) << "all ranks say the same";
}

TEST(TrainerBadStep, Fp16OverflowHalvesTheScaleAndSkips) {
    const SharedFolder run;
    auto options = plain_options(6);
    options.precision = "fp16";
    Rig rig(options, run.path);
    rig.start();
    rig.task.tokens_count = false;
    const auto e = rig.encoder();
    rig.task.magnify = 1e4;  // finite itself; times 65536 more than fp16 holds
    auto result = rig.trainer->step();
    EXPECT_TRUE(result.bad);
    EXPECT_EQ(result.loss_scale, 65536);
    EXPECT_TRUE(std::isfinite(result.loss));
    EXPECT_TRUE(at::equal(rig.encoder(), e));
    rig.task.magnify = 1e-2;
    result = rig.trainer->step();
    EXPECT_FALSE(result.bad);
    EXPECT_EQ(result.loss_scale, 32768);
    EXPECT_FALSE(at::equal(rig.encoder(), e));
    const auto expected = expected_step(keys_of_step(rig.task, 1), e.to(at::kDouble), -e.to(at::kDouble), false);
    EXPECT_LE(difference(rig.encoder(), e - expected.encoder_gradient * (0.05 * 1e-2)), 1e-5)
        << "gradients are unscaled";
}

}  // namespace
}  // namespace vox::train
