// The Dice loss against MONAI's DiceLoss (tools/golden/dice.py).

#include "loss/dice.hpp"

#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/section.hpp"
#include "core/error.hpp"
#include "support/golden.hpp"

namespace vox::loss {
namespace {

struct Problem {
    at::Tensor logits, target;
};

Problem problem(at::ScalarType dtype) {
    const std::vector<int64_t> shape{2, 3, 4, 5, 6};
    auto target = test::uniform(shape, 911).lt(0.3);
    target[1][2].fill_(false);
    return {(8 * test::uniform(shape, 910) - 4).to(dtype).requires_grad_(), target};
}

DiceLossOptions options_of(const nlohmann::json& golden) {
    return {.smooth_nr = golden.at("smooth_nr"),
            .smooth_dr = golden.at("smooth_dr"),
            .squared_pred = golden.at("squared_pred")};
}

TEST(DiceLoss, ValueAndGradientEqualMonai) {
    const auto golden = test::golden_json("dice");
    for (const auto dtype : {at::kDouble, at::kFloat}) {
        const double bound = dtype == at::kDouble ? 1e-7 : 1e-5;
        test::GoldenArrays arrays("dice");
        for (const auto& [name, expected] : golden.at("losses").items()) {
            const auto p = problem(dtype);
            const auto loss = dice_loss_per_item(p.logits, p.target, options_of(expected.at("options")));
            ASSERT_EQ(loss.sizes().vec(), (std::vector<int64_t>{2, 3}));
            EXPECT_EQ(loss.scalar_type(), dtype);
            for (int64_t b = 0; b < 2; ++b) {
                for (int64_t k = 0; k < 3; ++k) {
                    EXPECT_NEAR(loss[b][k].item<double>(), expected.at("per_item").at(b).at(k).get<double>(), bound)
                        << name;
                }
            }
            EXPECT_NEAR(loss.mean().item<double>(), expected.at("mean").get<double>(), bound) << name;
            loss.mean().backward();
            EXPECT_LE(test::relative_difference(p.logits.grad(), arrays.next(p.logits.sizes())), bound) << name;
        }
        EXPECT_TRUE(arrays.at_end());
    }
}

// Half precision in, the value of the same logits in float32 out.
TEST(DiceLoss, HalfPrecisionIsSummedInFloat) {
    const auto p = problem(at::kFloat);
    const auto logits = p.logits.detach().to(at::kBFloat16);
    const auto loss = dice_loss_per_item(logits, p.target);
    EXPECT_EQ(loss.scalar_type(), at::kFloat);
    EXPECT_TRUE(loss.equal(dice_loss_per_item(logits.to(at::kFloat), p.target.to(at::kByte))));
}

TEST(DiceLoss, AnEmptyBatchHasNoItemsAndZeroGradient) {
    auto logits = at::zeros({0, 3, 4, 4, 4}).requires_grad_();
    const auto loss = dice_loss_per_item(logits, at::zeros({0, 3, 4, 4, 4}));
    EXPECT_EQ(loss.sizes().vec(), (std::vector<int64_t>{0, 3}));
    loss.sum().backward();
    EXPECT_EQ(logits.grad().sizes(), logits.sizes());
}

TEST(DiceLoss, ShapesThatDifferAreNamed) {
    EXPECT_THROW(dice_loss_per_item(at::zeros({1, 3, 4, 4, 4}), at::zeros({1, 1, 4, 4, 4})), core::InternalError);
}

TEST(DiceLoss, OptionsAreReadAndRefused) {
    auto document = config::Document::parse("{smooth_nr: 0.5, smooth_dr: 0.25, squared_pred: false}", "test.yaml");
    auto root = document.root();
    DiceLossOptions options;
    options.read(root);
    document.finish();
    EXPECT_EQ(options.smooth_nr, 0.5);
    EXPECT_EQ(options.smooth_dr, 0.25);
    EXPECT_FALSE(options.squared_pred);
    auto wrong = config::Document::parse("{smooth_dr: 0}", "test.yaml");
    auto section = wrong.root();
    EXPECT_THROW(options.read(section), core::ConfigError);
}

}  // namespace
}  // namespace vox::loss
