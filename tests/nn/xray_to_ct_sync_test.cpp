// The X-ray to CT network with xray.norm: sync_batch.  Every rank holds a slice of one batch; the reference is one process on the
// joined batch, which each rank computes alone: the same network with batch normalisation, dropout included.

#include <gtest/gtest.h>

#include <span>

#include "nn/joined_batch.hpp"
#include "nn/test_items.hpp"
#include "nn/xray_to_ct_items.hpp"
#include "ops/random_scope.hpp"
#include "support/world.hpp"

namespace vox::nn {
namespace {

using test::communicator;

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

/// One forward and backward of items [begin, end) of the joined batch; returns the output.
at::Tensor step(XrayToCt& network, const XrayToCtInputs& joined, int64_t begin, int64_t end) {
    const int64_t count = end - begin;
    const auto keys = item_keys(static_cast<uint32_t>(joined.noisy.size(0)));
    const ops::RandomScope scope(
        std::span<const ops::RandomKey>(keys).subspan(static_cast<size_t>(begin), static_cast<size_t>(count)));
    const auto output = joined.part(begin, count).run(network);
    output.square().sum().backward();
    return output.detach();
}

void compare(int64_t items, bool checkpointing) {
    XrayToCtInputs joined(small_cascade(), kStage, items);
    joined.to(at::kDouble);
    compare_with_joined_batch<XrayToCt>(
        *make(checkpointing, &communicator()), *make(checkpointing, nullptr), items, 1e-11,
        [&](XrayToCt& network, int64_t begin, int64_t end) { return step(network, joined, begin, end); });
}

TEST(XrayToCtSync, EqualsTheJoinedBatchWithUnevenShares) { compare(5, false); }

TEST(XrayToCtSync, EqualsTheJoinedBatchWithEmptyRanks) { compare(1, false); }

TEST(XrayToCtSync, EqualsTheJoinedBatchWithActivationCheckpointing) { compare(3, true); }

}  // namespace
}  // namespace vox::nn
