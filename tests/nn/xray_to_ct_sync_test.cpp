// The X-ray to CT network with xray.norm: sync_batch.  Every rank holds a slice of one batch; the reference is one process on the
// joined batch, which each rank computes alone: the same network with batch normalisation, dropout included.

#include <ATen/ops/cat.h>
#include <gtest/gtest.h>

#include <span>
#include <vector>

#include "nn/test_items.hpp"
#include "nn/xray_to_ct_items.hpp"
#include "ops/random_scope.hpp"
#include "support/world.hpp"

namespace vox::nn {
namespace {

using test::communicator;
using test::world;

constexpr size_t kStage = 1;

std::shared_ptr<XrayToCt> make(bool checkpointing, comm::Communicator* ranks) {
    auto options = small_cascade();
    options.xray.norm = ranks ? "sync_batch" : "batch";
    options.dropout_prob = 0.25;
    options.activation_checkpointing = checkpointing;
    const auto network = std::make_shared<XrayToCt>(options, kStage, /*seed=*/3, ranks);
    wake(*network);
    network->to(at::kDouble);
    return network;
}

/// One forward and backward of `count` items from `begin` on; returns the output.
at::Tensor step(XrayToCt& network, const XrayToCtInputs& joined, int64_t begin, int64_t count) {
    const auto keys = item_keys(static_cast<uint32_t>(joined.noisy.size(0)));
    const ops::RandomScope scope(
        std::span<const ops::RandomKey>(keys).subspan(static_cast<size_t>(begin), static_cast<size_t>(count)));
    const auto output = joined.part(begin, count).run(network);
    output.square().sum().backward();
    return output.detach();
}

void compare(int64_t items, bool checkpointing) {
    const auto network = make(checkpointing, &communicator()), alone = make(checkpointing, nullptr);
    XrayToCtInputs joined(small_cascade(), kStage, items);
    joined.to(at::kDouble);
    const int64_t ranks = world().size(), rank = world().rank();
    const int64_t begin = items * rank / ranks, end = items * (rank + 1) / ranks;
    const auto own = step(*network, joined, begin, end - begin), whole = step(*alone, joined, 0, items);
    if (end > begin) {
        EXPECT_LE(test::relative_difference(own, whole.slice(0, begin, end)), 1e-11);
    }
    std::vector<at::Tensor> sums, expected;
    for (const auto& p : network->parameters()) {
        sums.push_back(p.grad().clone().flatten());
        communicator().all_reduce_sum(sums.back());
    }
    for (const auto& p : alone->parameters()) expected.push_back(p.grad().flatten());
    EXPECT_LE(test::relative_difference(at::cat(sums), at::cat(expected)), 1e-11);
}

TEST(XrayToCtSync, EqualsTheJoinedBatchWithUnevenShares) { compare(5, false); }

TEST(XrayToCtSync, EqualsTheJoinedBatchWithEmptyRanks) { compare(1, false); }

TEST(XrayToCtSync, EqualsTheJoinedBatchWithActivationCheckpointing) { compare(3, true); }

}  // namespace
}  // namespace vox::nn
