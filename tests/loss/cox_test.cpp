// Losses of survival against scikit-survival, lifelines and sums that are written out person by person (tools/golden/cox_loss.py).
// On ranks: cox_ranks_test.cpp.

#include "loss/cox.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.hpp"
#include "loss/survival_people.hpp"
#include "support/golden.hpp"

namespace vox::loss {
namespace {

at::Tensor numbers(const nlohmann::json& values) { return at::tensor(values.get<std::vector<double>>(), at::kDouble); }

void expect_equal(const at::Tensor& loss, const at::Tensor& risks, const nlohmann::json& expected) {
    const double value = expected.at("value");
    EXPECT_NEAR(loss.item<double>(), value, 1e-10 * std::max(1.0, std::abs(value)));
    risks.mutable_grad() = at::Tensor();
    loss.backward();
    EXPECT_LE(test::relative_difference(risks.grad(), numbers(expected.at("gradient"))), 1e-10);
}

TEST(CoxLoss, ValueAndGradientEqualTheReferences) {
    const auto golden = test::golden_json("cox_loss");
    EXPECT_EQ(golden.size(), 5u);
    for (const auto& [name, expected] : golden.items()) {
        SCOPED_TRACE(name);
        const auto people = test::people(expected.at("batch"));
        const auto batch = survival_batch(people.risks, people.times, people.events);
        EXPECT_EQ(batch.events.sum().item<int64_t>(), expected.at("event_count").get<int64_t>());
        expect_equal(cox_loss_sum(batch, CoxTies::breslow), people.risks, expected.at("breslow"));
        expect_equal(cox_loss_sum(batch, CoxTies::efron), people.risks, expected.at("efron"));
        const double lifelines = expected.at("lifelines_efron");
        EXPECT_NEAR(cox_loss_sum(batch, CoxTies::efron).item<double>(), lifelines, 1e-10 * std::abs(lifelines));
    }
}

TEST(ConcordanceLoss, ValueAndGradientEqualThePairsOneByOne) {
    const auto golden = test::golden_json("cox_loss");
    for (const auto& [name, expected] : golden.items()) {
        SCOPED_TRACE(name);
        const auto people = test::people(expected.at("batch"));
        const auto loss = concordance_loss_sum(survival_batch(people.risks, people.times, people.events));
        expect_equal(loss.sum, people.risks, expected.at("pairwise"));
        EXPECT_EQ(loss.pairs.item<int64_t>(), expected.at("pairs").get<int64_t>());
    }
}

// The share of each row, computed alone, and how they add up, whatever the cut.
TEST(CoxLoss, SharesOfRowsAddUp) {
    const auto golden = test::golden_json("cox_loss");
    const auto people = test::people(golden.at("ties").at("batch"));
    auto batch = survival_batch(people.risks, people.times, people.events);
    const int64_t all = batch.own;
    for (const auto ties : {CoxTies::breslow, CoxTies::efron}) {
        auto sum = at::zeros({}, at::kDouble);
        for (batch.first = 0, batch.own = 1; batch.first < all; ++batch.first) {
            const auto share = cox_loss_sum(batch, ties);
            EXPECT_TRUE(batch.events[batch.first].item<bool>() || share.item<double>() == 0);
            sum = sum + share;
        }
        expect_equal(sum, people.risks, golden.at("ties").at(ties == CoxTies::efron ? "efron" : "breslow"));
    }
}

// Nobody, one person with and without an event, and no events: exactly 0, with a graph of zeros.
TEST(CoxLoss, WithoutComparisonsItIsZeroWithAGraph) {
    struct Case {
        int64_t people;
        double event;
    };
    for (const auto& [n, event] : {Case{0, 0}, Case{1, 1}, Case{1, 0}, Case{5, 0}}) {
        SCOPED_TRACE(n);
        const auto risks = at::full({n}, 1000.0, at::kDouble).requires_grad_();
        const auto batch = survival_batch(risks, at::ones({n}), at::full({n}, event));
        const auto pairs = concordance_loss_sum(batch);
        EXPECT_EQ(pairs.pairs.item<int64_t>(), 0);
        for (const auto& loss :
             {cox_loss_sum(batch, CoxTies::breslow), cox_loss_sum(batch, CoxTies::efron), pairs.sum}) {
            EXPECT_EQ(loss.dim(), 0);
            EXPECT_EQ(loss.item<double>(), 0);
            ASSERT_TRUE(loss.requires_grad());
            risks.mutable_grad() = at::Tensor();
            loss.backward();
            EXPECT_TRUE(risks.grad().equal(at::zeros({n}, at::kDouble)));
        }
    }
}

// Two events at one time, equal risks, nobody else: log 2 + log 2 by Breslow, log 2 + log 1 by Efron.
TEST(CoxLoss, TwoEventsAtOneTime) {
    const auto batch = survival_batch(at::full({2}, -700.0, at::kDouble), at::ones({2}), at::ones({2}, at::kInt));
    EXPECT_NEAR(cox_loss_sum(batch, CoxTies::breslow).item<double>(), 2 * std::log(2), 1e-12);
    EXPECT_NEAR(cox_loss_sum(batch, CoxTies::efron).item<double>(), std::log(2), 1e-12);
}

// Half precision in, float32 out, of the same risks.
TEST(CoxLoss, IsComputedInFloat64) {
    const auto golden = test::golden_json("cox_loss");
    const auto people = test::people(golden.at("large_risks").at("batch"));
    const auto risks = people.risks.detach().to(at::kBFloat16);
    const auto half = survival_batch(risks, people.times.to(at::kFloat), people.events);
    const auto whole = survival_batch(risks.to(at::kDouble), people.times, people.events);
    const auto loss = cox_loss_sum(half, CoxTies::efron);
    EXPECT_EQ(loss.scalar_type(), at::kFloat);
    EXPECT_TRUE(loss.equal(cox_loss_sum(whole, CoxTies::efron).to(at::kFloat)));
}

TEST(CoxLoss, RefusesWhatDoesNotFit) {
    EXPECT_THROW(survival_batch(at::zeros({2, 1}), at::zeros({2, 1}), at::zeros({2, 1})), core::InternalError);
    EXPECT_THROW(survival_batch(at::zeros({2}), at::zeros({3}), at::zeros({2})), core::InternalError);
    EXPECT_THROW(survival_batch(at::zeros({2}), at::zeros({2}), at::zeros({1})), core::InternalError);
    EXPECT_THROW(survival_batch(at::zeros({2}), at::full({2}, NAN), at::zeros({2})), core::InternalError);
}

}  // namespace
}  // namespace vox::loss
