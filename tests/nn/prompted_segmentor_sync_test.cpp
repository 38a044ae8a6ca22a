// The prompted network with norm: sync_batch.  Every rank holds a slice of one batch; the reference is one process on the joined
// batch, which each rank computes alone: the same network with batch normalisation, dropout included.

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <gtest/gtest.h>

#include <memory>
#include <span>

#include "nn/joined_batch.hpp"
#include "nn/prompted_items.hpp"
#include "nn/test_items.hpp"
#include "ops/random_scope.hpp"
#include "support/world.hpp"

namespace vox::nn {
namespace {

std::shared_ptr<PromptedSegmentor> make(bool flat, comm::Communicator* ranks) {
    auto options = small_prompted(flat);
    options.norm = ranks ? "sync_batch" : "batch";
    options.dropout_prob = 0.25;
    const auto network = std::make_shared<PromptedSegmentor>(options, /*seed=*/3, ranks);
    network->to(at::kDouble);
    return network;
}

void compare(int64_t items, bool flat) {
    auto inputs = prompted_inputs(small_prompted(flat), items);
    inputs.image = inputs.image.to(at::kDouble);
    const auto keys = item_keys(static_cast<uint32_t>(items));
    compare_with_joined_batch<PromptedSegmentor>(
        *make(flat, &test::communicator()), *make(flat, nullptr), items, 1e-10,
        [&](PromptedSegmentor& network, int64_t begin, int64_t end) {
            const ops::RandomScope scope(std::span<const ops::RandomKey>(keys).subspan(
                static_cast<size_t>(begin), static_cast<size_t>(end - begin)));
            const auto output = joined(network.forward(part(inputs, begin, end)));
            output.square().sum().backward();
            return output.detach();
        });
}

TEST(PromptedSegmentorSync, EqualsTheJoinedBatchWithUnevenShares) { compare(5, false); }

TEST(PromptedSegmentorSync, EqualsTheJoinedBatchWithEmptyRanks) { compare(1, true); }

}  // namespace
}  // namespace vox::nn
