// Losses of exclusive classes against MONAI's DiceFocalLoss and DiceCELoss (tools/golden/compound_loss.py).

#include "loss/compound.hpp"

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "loss/cross_entropy.hpp"
#include "loss/dice.hpp"
#include "loss/focal.hpp"
#include "support/golden.hpp"
#include "support/read_options.hpp"

namespace vox::loss {
namespace {

struct Problem {
    at::Tensor logits, labels;
};

Problem problem(int64_t classes, at::ScalarType dtype, at::ScalarType label_dtype = at::kByte) {
    auto labels = test::uniform({2, 4, 5, 6}, 921).mul(static_cast<double>(classes)).to(label_dtype);
    auto second = labels[1];
    second.masked_fill_(second.eq(1), 0);
    return {(8 * test::uniform({2, classes, 4, 5, 6}, 920) - 4).to(dtype).requires_grad_(), labels};
}

Options options_of(const nlohmann::json& golden) {
    Options options;
    options.name = golden.at("loss");
    options.dice = {.smooth_nr = golden.at("smooth_nr"),
                    .smooth_dr = golden.at("smooth_dr"),
                    .squared_pred = golden.at("squared_pred")};
    options.include_background = golden.at("include_background");
    options.focal_gamma = golden.at("gamma");
    options.lambda_dice = golden.at("lambda_dice");
    (options.name == "dice_focal" ? options.lambda_focal : options.lambda_ce) = golden.at("lambda_other");
    return options;
}

/// sum of coefficient * part, [B]
at::Tensor whole(const at::Tensor& logits, const at::Tensor& labels, const Options& options) {
    const auto parts = compound_parts(options);
    const auto losses = compound_losses_per_item(logits, labels, options);
    EXPECT_EQ(parts.size(), losses.size());
    auto sum = losses.at(0).mul(parts.at(0).coefficient);
    for (size_t i = 1; i < losses.size(); ++i) sum = sum.add(losses[i].mul(parts.at(i).coefficient));
    return sum;
}

void expect_gradient(const at::Tensor& loss, const at::Tensor& logits, const at::Tensor& expected, double bound,
                     const std::string& what) {
    logits.mutable_grad() = at::Tensor();
    loss.mean().backward();
    EXPECT_LE(test::relative_difference(logits.grad(), expected), bound) << what;
}

TEST(CompoundLoss, ValueAndGradientEqualMonai) {
    const auto golden = test::golden_json("compound_loss");
    for (const auto dtype : {at::kDouble, at::kFloat}) {
        test::GoldenArrays arrays("compound_loss");
        for (const auto& [name, expected] : golden.at("cases").items()) {
            const auto options = options_of(expected.at("options"));
            const auto p = problem(expected.at("options").at("classes"), dtype);
            const auto loss = whole(p.logits, p.labels, options);
            ASSERT_EQ(loss.sizes().vec(), std::vector<int64_t>{2});
            EXPECT_EQ(loss.scalar_type(), dtype);
            const double mean = expected.at("mean");
            const double bound = dtype == at::kDouble ? 1e-6 : 1e-5;
            EXPECT_NEAR(loss.mean().item<double>(), mean, bound * mean) << name;
            expect_gradient(loss, p.logits, arrays.next(p.logits.sizes()), bound, name);
            const double part_bound = dtype == at::kDouble ? 1e-12 : 1e-5;
            for (size_t i = 0; i < 2; ++i) {
                const auto part = compound_losses_per_item(p.logits, p.labels, options).at(i);
                for (int64_t b = 0; b < 2; ++b) {
                    const double value = expected.at("parts").at(i).at(static_cast<size_t>(b));
                    EXPECT_NEAR(part[b].item<double>(), value, part_bound * std::abs(value)) << name << ' ' << i;
                }
                // The golden gradients are stored in float32.
                expect_gradient(part, p.logits, arrays.next(p.logits.sizes()), dtype == at::kDouble ? 1e-7 : 1e-5,
                                name);
            }
        }
        EXPECT_TRUE(arrays.at_end());
    }
}

TEST(CompoundLoss, PartsHaveNamesAndCoefficients) {
    auto options = Options::of("dice_focal");
    options.lambda_dice = 0.25;
    options.lambda_focal = 2;
    options.lambda_ce = 3;
    const auto focal = compound_parts(options);
    ASSERT_EQ(focal.size(), 2u);
    EXPECT_EQ(focal[0].name, "dice");
    EXPECT_EQ(focal[0].coefficient, 0.25);
    EXPECT_EQ(focal[1].name, "focal");
    EXPECT_EQ(focal[1].coefficient, 2);
    options.name = "dice_ce";
    EXPECT_EQ(compound_parts(options).at(1).name, "ce");
    EXPECT_EQ(compound_parts(options).at(1).coefficient, 3);
    options.name = "dice_sigmoid";
    EXPECT_THROW(compound_parts(options), core::InternalError);
}

TEST(CompoundLoss, LabelsOfAnyIntegerTypeAreTheSame) {
    for (const std::string name : {"dice_focal", "dice_ce"}) {
        const auto p = problem(3, at::kFloat);
        const auto expected = whole(p.logits, p.labels, Options::of(name));
        for (const auto type : {at::kLong, at::kInt})
            EXPECT_TRUE(whole(p.logits, p.labels.to(type), Options::of(name)).equal(expected)) << name;
    }
}

// An item's loss is its own: the other items of a batch do not move it.
TEST(CompoundLoss, ItemsAreIndependent) {
    for (const std::string name : {"dice_focal", "dice_ce"}) {
        const auto p = problem(3, at::kDouble);
        const auto together = whole(p.logits, p.labels, Options::of(name));
        for (int64_t b = 0; b < 2; ++b) {
            const auto alone = whole(p.logits.narrow(0, b, 1), p.labels.narrow(0, b, 1), Options::of(name));
            EXPECT_NEAR(alone.item<double>(), together[b].item<double>(), 1e-14) << name;
        }
    }
}

TEST(CompoundLoss, HalfPrecisionIsComputedInFloat) {
    for (const std::string name : {"dice_focal", "dice_ce"}) {
        for (const auto type : {at::kHalf, at::kBFloat16}) {
            const auto p = problem(3, at::kFloat);
            auto half = p.logits.detach().to(type).requires_grad_();
            const auto loss = whole(half, p.labels, Options::of(name));
            EXPECT_EQ(loss.scalar_type(), at::kFloat);
            EXPECT_TRUE(loss.equal(whole(half.detach().to(at::kFloat), p.labels, Options::of(name)))) << name;
            loss.sum().backward();
            EXPECT_EQ(half.grad().scalar_type(), type);
        }
    }
}

TEST(CompoundLoss, AnEmptyBatchHasNoItemsAndZeroGradient) {
    for (const std::string name : {"dice_focal", "dice_ce"}) {
        auto logits = at::zeros({0, 3, 4, 4, 4}).requires_grad_();
        const auto loss = whole(logits, at::zeros({0, 4, 4, 4}, at::kByte), Options::of(name));
        EXPECT_EQ(loss.sizes().vec(), std::vector<int64_t>{0}) << name;
        loss.sum().backward();
        EXPECT_EQ(logits.grad().sizes(), logits.sizes());
    }
}

// sigmoid(+-200) is 0 or 1 in any float: the logarithms have to come another way.
TEST(CompoundLoss, ConfidentLogitsStayFinite) {
    const auto labels = at::zeros({1, 2, 2, 2}, at::kByte);
    for (const std::string name : {"dice_focal", "dice_ce"}) {
        for (const double value : {200.0, -200.0}) {
            auto logits = at::zeros({1, 2, 2, 2, 2});
            logits.select(1, 1).fill_(value);
            logits.requires_grad_();
            const auto loss = whole(logits, labels, Options::of(name));
            // Wrong by 200: focal and cross-entropy are 200, Dice is 1 (no voxel of class 1 in truth, eight predicted).
            EXPECT_NEAR(loss.item<double>(), value > 0 ? 201.0 : 0.0, 1e-4) << name;
            loss.sum().backward();
            EXPECT_TRUE(logits.grad().isfinite().all().item<bool>()) << name;
        }
    }
}

TEST(CompoundLoss, WhatDoesNotFitIsNamed) {
    const auto logits = at::zeros({1, 3, 4, 4, 4}), labels = at::zeros({1, 4, 4, 4}, at::kByte);
    for (const std::string name : {"dice_focal", "dice_ce"}) {
        const auto options = Options::of(name);
        EXPECT_NO_THROW(compound_losses_per_item(logits, labels, options));
        EXPECT_THROW(compound_losses_per_item(logits, labels.unsqueeze(1), options), core::InternalError);
        EXPECT_THROW(compound_losses_per_item(logits, labels.narrow(1, 0, 3), options), core::InternalError);
        EXPECT_THROW(compound_losses_per_item(logits.narrow(1, 0, 1), labels, options), core::InternalError);
    }
    EXPECT_THROW(focal_loss_per_item(logits, labels.unsqueeze(1), false, 2), core::InternalError);
    EXPECT_THROW(cross_entropy_per_item(logits, labels.unsqueeze(1)), core::InternalError);
    EXPECT_THROW(cross_entropy_per_item(logits, at::full({1, 4, 4, 4}, 3, at::kLong)), c10::Error);
}

const auto read = test::read_options<Options>;

TEST(LossOptions, EveryKeyIsReadAndNonsenseRefused) {
    const auto options = read(
        "{name: dice_ce, smooth_nr: 0.5, smooth_dr: 0.25, squared_pred: true, include_background: true, focal_gamma: "
        "3, "
        "lambda_dice: 2, lambda_focal: 4, lambda_ce: 5}");
    EXPECT_EQ(options.name, "dice_ce");
    EXPECT_EQ(options.dice.smooth_nr, 0.5);
    EXPECT_EQ(options.dice.smooth_dr, 0.25);
    EXPECT_TRUE(options.dice.squared_pred);
    EXPECT_TRUE(options.include_background);
    EXPECT_EQ(options.focal_gamma, 3);
    EXPECT_EQ(options.lambda_dice, 2);
    EXPECT_EQ(options.lambda_focal, 4);
    EXPECT_EQ(options.lambda_ce, 5);
    for (const auto* text :
         {"name: dice", "focal_gamma: -1", "lambda_dice: -1", "lambda_focal: -1", "lambda_ce: -1", "smooth_dr: 0"})
        EXPECT_THROW(read(text), core::ConfigError) << text;
}

TEST(LossOptions, ConstantsThatAreNotGivenAreThoseOfTheLoss) {
    EXPECT_EQ(read("{}").name, "dice_sigmoid");
    EXPECT_EQ(read("{}").dice.smooth_nr, 0);
    EXPECT_TRUE(read("{}").dice.squared_pred);
    for (const std::string name : {"dice_focal", "dice_ce"}) {
        const auto options = read("{name: " + name + ", smooth_dr: 0.5}");
        EXPECT_EQ(options.dice.smooth_nr, 1e-5);
        EXPECT_EQ(options.dice.smooth_dr, 0.5);
        EXPECT_FALSE(options.dice.squared_pred);
        EXPECT_FALSE(options.include_background);
    }
}

}  // namespace
}  // namespace vox::loss
