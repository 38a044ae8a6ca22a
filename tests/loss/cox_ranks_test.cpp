// Each rank has people of its own, as many as it happens to have, and one has none.  The sum over ranks of losses and gradients has to be
// that of one process with all of them.

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <functional>

#include "loss/cox.hpp"
#include "loss/survival_people.hpp"
#include "support/world.hpp"

namespace vox::loss {
namespace {

using test::communicator;
using test::world;
using Loss = std::function<at::Tensor(const SurvivalBatch&)>;
using Rows = std::function<int64_t(int)>;

at::Tensor breslow(const SurvivalBatch& batch) { return cox_loss_sum(batch, CoxTies::breslow); }
at::Tensor efron(const SurvivalBatch& batch) { return cox_loss_sum(batch, CoxTies::efron); }
at::Tensor pairwise(const SurvivalBatch& batch) { return concordance_loss_sum(batch).sum; }

/// Of more than two ranks number 1 has nobody; times tie within ranks and between them.
int64_t uneven(int rank) { return rank == 1 && world().size() > 2 ? 0 : 7 + 3 * rank; }

int64_t rows_before(int rank, const Rows& rows_of) {
    int64_t rows = 0;
    for (int before = 0; before < rank; ++before) rows += rows_of(before);
    return rows;
}

test::People everybody(int64_t n, double events, double scale) {
    return test::people({{"n", n}, {"stream", 1480}, {"levels", 4}, {"events", events}, {"scale", scale}});
}

/// This rank's own rows, as a leaf of its own.
struct Own {
    Own(const test::People& all, const Rows& rows_of, at::ScalarType dtype = at::kDouble)
        : first(rows_before(world().rank(), rows_of)),
          count(rows_of(world().rank())),
          risks(all.risks.detach().narrow(0, first, count).to(dtype).clone().requires_grad_()),
          times(all.times.narrow(0, first, count)),
          events(all.events.narrow(0, first, count)) {}
    int64_t first, count;
    at::Tensor risks, times, events;
};

double sum_over_ranks(const at::Tensor& share) {
    const auto sum = share.detach().to(at::kDouble).clone();
    communicator().all_reduce_sum(sum);
    return sum.item<double>();
}

void expect_one_process(const Loss& loss, const test::People& all, const Rows& rows_of, double bound) {
    const auto whole = loss(survival_batch(all.risks, all.times, all.events));
    const auto expected = torch::autograd::grad({whole}, {all.risks})[0];

    const Own own(all, rows_of);
    const auto batch = gather_survival_batch(communicator(), own.risks, own.times, own.events);
    EXPECT_EQ(batch.first, own.first);
    EXPECT_EQ(batch.own, own.count);
    const auto share = loss(batch);
    const auto gradient = torch::autograd::grad({share}, {own.risks})[0];
    const double sum = whole.item<double>();
    EXPECT_NEAR(sum_over_ranks(share), sum, bound * std::max(1.0, std::abs(sum)));
    const auto part = expected.narrow(0, own.first, own.count);
    EXPECT_LE((gradient - part).norm().item<double>(), bound * expected.norm().item<double>());
    if (own.count > 0 && sum != 0) {
        EXPECT_GT(part.norm().item<double>(), 0.01) << "a gradient of zeros would show nothing";
    }
}

TEST(CoxOverRanks, LossAndGradientAreThoseOfOneProcess) {
    for (const double scale : {2.0, 100.0}) {
        const auto all = everybody(rows_before(world().size(), uneven), 0.6, scale);
        EXPECT_GT(all.events.sum().item<int64_t>(), 0);
        for (const auto loss : {breslow, efron, pairwise}) expect_one_process(loss, all, uneven, 1e-10);
    }
}

// The last rank's people alone have events, so that the others' risks have a gradient from there only.
TEST(CoxOverRanks, EventsOnOneRank) {
    auto all = everybody(rows_before(world().size(), uneven), 0.6, 2);
    const int last = world().size() - 1;
    all.events.narrow(0, 0, rows_before(last, uneven)).fill_(false);
    all.times.narrow(0, rows_before(last, uneven), uneven(last)).fill_(0);  // everybody is at risk
    for (const auto loss : {breslow, efron, pairwise}) expect_one_process(loss, all, uneven, 1e-10);
    const Own own(all, uneven);
    const auto batch = gather_survival_batch(communicator(), own.risks, own.times, own.events);
    const auto share = breslow(batch);
    EXPECT_TRUE(world().rank() == last || share.item<double>() == 0);
    torch::autograd::grad({share}, {own.risks});
}

TEST(CoxOverRanks, WithoutEventsOrPeopleNobodyWaits) {
    const auto nobody = [](int) { return int64_t{0}; };
    for (const auto loss : {breslow, efron, pairwise}) {
        expect_one_process(loss, everybody(rows_before(world().size(), uneven), 0.0, 2), uneven, 0);
        expect_one_process(loss, everybody(0, 0.6, 2), nobody, 0);
    }
}

// As a network gives them: float32 with a graph.
TEST(CoxOverRanks, RisksInSinglePrecision) {
    const auto all = everybody(rows_before(world().size(), uneven), 0.6, 2);
    const auto rounded = all.risks.detach().to(at::kFloat).to(at::kDouble).requires_grad_();
    const auto whole = efron(survival_batch(rounded, all.times, all.events));
    const auto expected = torch::autograd::grad({whole}, {rounded})[0];
    const Own own(all, uneven, at::kFloat);
    const auto share = efron(gather_survival_batch(communicator(), own.risks, own.times, own.events));
    EXPECT_EQ(share.scalar_type(), at::kFloat);
    EXPECT_NEAR(sum_over_ranks(share), whole.item<double>(), 1e-6 * whole.item<double>());
    const auto gradient = torch::autograd::grad({share}, {own.risks})[0];
    EXPECT_LE((gradient - expected.narrow(0, own.first, own.count)).norm().item<double>(), 1e-6);
}

// A mean of what each rank sees alone is another loss: this is what gathering is for.
TEST(CoxOverRanks, RanksAloneHaveAnotherLoss) {
    const auto all = everybody(rows_before(world().size(), uneven), 0.6, 2);
    const Own own(all, uneven);
    const double alone = sum_over_ranks(breslow(survival_batch(own.risks, own.times, own.events)));
    const double whole = breslow(survival_batch(all.risks, all.times, all.events)).item<double>();
    if (world().size() > 1) {
        EXPECT_GT(whole, alone + 1);
    } else {
        EXPECT_NEAR(whole, alone, 1e-10);
    }
}

}  // namespace
}  // namespace vox::loss
