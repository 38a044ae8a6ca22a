// The residual U-Net with norm: sync_batch.  Every rank holds a slice of one batch; the reference is one process on the joined
// batch, which each rank computes alone: the same network with batch normalisation, dropout included.

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <vector>

#include "nn/joined_batch.hpp"
#include "nn/make_model.hpp"
#include "ops/random_scope.hpp"
#include "ops/random_tensor.hpp"
#include "support/world.hpp"

namespace vox::nn {
namespace {

using test::communicator;
using test::world;

struct Joined {
    int64_t items;
    std::vector<int64_t> sizes{8, 12, 8};  // D, H, W
    bool activation_checkpointing = false;
    bool channels_last_3d = false;
};

std::shared_ptr<Model> make(const Joined& joined, comm::Communicator* ranks) {
    auto options = ModelOptions::of("unet");
    options.channels = {4, 6, 8};
    options.strides = {2, 2};
    options.num_res_units = 2;
    options.norm = ranks ? "sync_batch" : "batch";
    options.activation_checkpointing = joined.activation_checkpointing;
    options.channels_last_3d = joined.channels_last_3d;
    auto model = make_model(options, {.in_channels = 3, .out_channels = 2, .seed = 11, .communicator = ranks});
    model->to(at::kDouble);
    return model;
}

/// One forward and backward of items [begin, end) of the joined batch: output [n,2,D,H,W], and gradients in the parameters.
at::Tensor step(Model& model, const Joined& joined, int64_t begin, int64_t end) {
    std::vector<ops::RandomKey> keys;
    for (int64_t i = begin; i < end; ++i) keys.push_back({.seed = 4, .position = static_cast<uint32_t>(i)});
    const auto numbers = [&](uint32_t layer, int64_t channels) {
        const std::vector<int64_t> shape{end - begin, channels, joined.sizes[0], joined.sizes[1], joined.sizes[2]};
        return 2 * ops::random_uniform_tensor(keys, ops::Purpose::test_values, layer, shape, at::kDouble) - 1;
    };
    at::Tensor y;
    {
        const ops::RandomScope scope(keys);
        y = model.forward(numbers(0, 3));
    }
    (y.square() * numbers(1, 2)).sum().backward();
    return y.detach();
}

void compare(const Joined& joined) {
    compare_with_joined_batch<Model>(
        *make(joined, &communicator()), *make(joined, nullptr), joined.items, 1e-12,
        [&](Model& model, int64_t begin, int64_t end) { return step(model, joined, begin, end); });
}

TEST(UNetSync, EqualsTheJoinedBatchWithUnevenShares) { compare({.items = 5}); }

TEST(UNetSync, EqualsTheJoinedBatchWithEmptyRanks) {
    compare({.items = 3});  // at four ranks the first has none
    compare({.items = 1, .sizes = {8, 8, 8}});  // all but the last have none
}

TEST(UNetSync, EqualsTheJoinedBatchWithActivationCheckpointing) {
    compare({.items = 5, .activation_checkpointing = true});
    compare({.items = 1, .activation_checkpointing = true});
}

TEST(UNetSync, EqualsTheJoinedBatchInChannelsLast) { compare({.items = 3, .channels_last_3d = true}); }

TEST(UNetSync, GivesAllRanksTheSameStatistics) {
    const Joined joined{.items = 5};
    const auto model = make(joined, &communicator());
    step(*model, joined, world().rank(), world().rank() + 1);  // ranks differ
    for (const auto& buffer : model->buffers()) {
        const auto all = communicator().all_gather(buffer.to(at::kDouble).reshape({1, -1}));
        EXPECT_TRUE(all.equal(all[0].expand_as(all)));
    }
}

}  // namespace
}  // namespace vox::nn
