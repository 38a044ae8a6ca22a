// Rank r owns x_r and the loss L_r; the whole loss is the sum of L_r over ranks.  Each rank also computes that whole loss
// alone, with every x_q as its own leaf: the gradients for x_r have to agree.

#include "comm/autograd.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "support/world.hpp"

namespace vox::comm {
namespace {

using test::communicator;
using test::world;
using Tensors = std::vector<at::Tensor>;

/// Rank r's input, [rows, 3].
at::Tensor input_of(int rank, int64_t rows) {
    const at::Tensor x = (at::arange(rows * 3, at::kDouble) * 0.7 + rank * 1.3).sin().view({rows, 3});
    return x.set_requires_grad(true);
}

Tensors all_inputs(const std::function<int64_t(int)>& rows_of) {
    Tensors inputs;
    for (int rank = 0; rank < world().size(); ++rank) inputs.push_back(input_of(rank, rows_of(rank)));
    return inputs;
}

void expect_close(const at::Tensor& actual, const at::Tensor& expected) {
    ASSERT_TRUE(actual.defined());
    ASSERT_EQ(actual.sizes(), expected.sizes());
    if (expected.numel() == 0) return;
    EXPECT_GT(expected.abs().max().item<double>(), 0.01) << "a gradient of zeros would show nothing";
    EXPECT_LE((actual - expected).norm().item<double>(), 1e-13 * expected.norm().item<double>());
}

at::Tensor gradient(const at::Tensor& loss, const at::Tensor& x) { return torch::autograd::grad({loss}, {x})[0]; }

// Any smooth function in which ranks weigh differently.
at::Tensor loss_of(int rank, const at::Tensor& joined) { return ((joined * (rank + 1)).cos() * joined * joined).sum(); }

TEST(Autograd, SumOverRanks) {
    const auto two = [](int) { return 2; };
    const at::Tensor own = input_of(world().rank(), 2);
    const at::Tensor actual = gradient(loss_of(world().rank(), all_reduce_sum(communicator(), own)), own);

    const Tensors all = all_inputs(two);
    const at::Tensor joined = at::stack(all).sum(0);
    at::Tensor loss = at::zeros({}, at::kDouble);
    for (int rank = 0; rank < world().size(); ++rank) loss = loss + loss_of(rank, joined);
    expect_close(actual, gradient(loss, all[world().rank()]));
}

TEST(Autograd, Gather) {
    const auto two = [](int) { return 2; };
    const at::Tensor own = input_of(world().rank(), 2);
    const at::Tensor joined = all_gather(communicator(), own);
    const at::Tensor actual = gradient(loss_of(world().rank(), joined.logsumexp({0})), own);

    const Tensors all = all_inputs(two);
    at::Tensor loss = at::zeros({}, at::kDouble);
    for (int rank = 0; rank < world().size(); ++rank) loss = loss + loss_of(rank, at::cat(all).logsumexp({0}));
    expect_close(actual, gradient(loss, all[world().rank()]));
}

TEST(Autograd, ReduceScatter) {
    const auto rows = [](int) { return 2 * world().size(); };
    const at::Tensor own = input_of(world().rank(), rows(0));
    const at::Tensor slice = reduce_scatter_sum(communicator(), own);
    const at::Tensor actual = gradient(loss_of(world().rank(), slice), own);

    const Tensors all = all_inputs(rows);
    const at::Tensor sum = at::stack(all).sum(0);
    at::Tensor loss = at::zeros({}, at::kDouble);
    for (int rank = 0; rank < world().size(); ++rank) loss = loss + loss_of(rank, sum.narrow(0, 2 * rank, 2));
    expect_close(actual, gradient(loss, all[world().rank()]));
}

TEST(Autograd, GatherOfDifferentLengthsAnEmptyRankIncluded) {
    // Rank 0 has no rows where there are others.
    const auto rows = [](int rank) { return world().size() == 1 ? 2 : 2 * rank; };
    const at::Tensor own = input_of(world().rank(), rows(world().rank()));
    const Tensors parts = all_gather_v(communicator(), own);
    const at::Tensor joined = at::cat(parts);
    const at::Tensor actual = gradient(loss_of(world().rank(), joined.logsumexp({0})), own);

    const Tensors all = all_inputs(rows);
    EXPECT_TRUE(at::cat(all).equal(joined));
    at::Tensor loss = at::zeros({}, at::kDouble);
    for (int rank = 0; rank < world().size(); ++rank) loss = loss + loss_of(rank, at::cat(all).logsumexp({0}));
    expect_close(actual, gradient(loss, all[world().rank()]));
}

TEST(Autograd, SecondDerivative) {
    const auto two = [](int) { return 2; };
    const int me = world().rank();
    const at::Tensor own = input_of(me, 2);
    const at::Tensor loss = loss_of(me, all_gather(communicator(), all_reduce_sum(communicator(), own)));
    const at::Tensor first = torch::autograd::grad({loss}, {own}, {}, true, /*create_graph=*/true)[0];
    const at::Tensor actual = gradient((first * first).sum() * (me + 1), own);

    const Tensors all = all_inputs(two);
    const at::Tensor sum = at::stack(all).sum(0);
    at::Tensor whole = at::zeros({}, at::kDouble);
    for (int rank = 0; rank < world().size(); ++rank) whole = whole + loss_of(rank, sum) * world().size();
    const Tensors firsts = torch::autograd::grad({whole}, all, {}, true, /*create_graph=*/true);
    at::Tensor penalty = at::zeros({}, at::kDouble);
    for (int rank = 0; rank < world().size(); ++rank)
        penalty = penalty + (firsts[rank] * firsts[rank]).sum() * (rank + 1);
    expect_close(actual, gradient(penalty, all[me]));
}

TEST(Autograd, TheInputKeepsItsValues) {
    const at::Tensor own = input_of(world().rank(), 2);
    const at::Tensor before = own.detach().clone();
    all_reduce_sum(communicator(), own);
    EXPECT_TRUE(own.equal(before));
    // No gradient wanted: no graph kept.
    EXPECT_FALSE(all_reduce_sum(communicator(), before).requires_grad());
}

}  // namespace
}  // namespace vox::comm
