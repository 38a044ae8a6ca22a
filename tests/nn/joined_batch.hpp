#pragma once
// Networks whose ranks hold slices of one batch, against one process on the joined batch, which each rank computes alone.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "support/world.hpp"

namespace vox::nn {

/// ||a - b|| / ||b|| over all tensors together.
inline double distance(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
    double difference = 0, whole = 0;
    for (size_t i = 0; i < b.size(); ++i) {
        difference += (a[i].to(at::kDouble) - b[i].to(at::kDouble)).square().sum().item<double>();
        whole += b[i].to(at::kDouble).square().sum().item<double>();
    }
    return std::sqrt(difference / whole);
}

/// All ranks.  `model` communicates, `alone` is the same network without; `step(network, begin, end)` is one forward and backward of
/// the items [begin, end) of the joined batch, and returns the output.  Outputs, gradients summed over ranks, buffers, and outputs in
/// evaluation agree to `bound`.
template <class Network>
void compare_with_joined_batch(Network& model, Network& alone, int64_t items, double bound,
                               const std::function<at::Tensor(Network&, int64_t, int64_t)>& step) {
    const int64_t ranks = test::world().size(), rank = test::world().rank();
    const int64_t begin = items * rank / ranks, end = items * (rank + 1) / ranks;
    for (int round = 0; round < 2; ++round) {  // the second with the first one's running statistics and gradients
        const auto own = step(model, begin, end), whole = step(alone, 0, items);
        ASSERT_GT(whole.norm().template item<double>(), 0);
        if (end > begin) {
            EXPECT_LE(distance({own}, {whole.slice(0, begin, end)}), bound);
        }
    }
    std::vector<at::Tensor> sums, expected;
    for (const auto& p : model.parameters()) {
        sums.push_back(p.grad().clone());
        test::communicator().all_reduce_sum(sums.back());
    }
    for (const auto& p : alone.parameters()) expected.push_back(p.grad());
    EXPECT_LE(distance(sums, expected), bound);
    EXPECT_LE(distance(model.buffers(), alone.buffers()), bound);
    model.eval();
    alone.eval();
    EXPECT_LE(distance({step(model, 0, items)}, {step(alone, 0, items)}), bound);
}

}  // namespace vox::nn
