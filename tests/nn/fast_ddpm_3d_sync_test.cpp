// fast_ddpm_3d with norm: sync_batch.  Every rank holds a slice of one batch; the reference is one process on the joined batch, which
// each rank computes alone: the same network with batch normalisation, dropout included.

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <vector>

#include "nn/joined_batch.hpp"
#include "nn/make_model.hpp"
#include "ops/random_scope.hpp"
#include "ops/random_tensor.hpp"
#include "support/world.hpp"

namespace vox::nn {
namespace {

using test::communicator;

struct Joined {
    int64_t items;
    bool activation_checkpointing = false;
    bool channels_last_3d = false;
};

std::shared_ptr<DenoisingModel> make(const Joined& joined, comm::Communicator* ranks) {
    auto options = ModelOptions::of("fast_ddpm_3d");
    options.base_channels = 8;
    options.channel_multipliers = {1, 2};
    options.num_res_blocks = 1;
    options.attention_levels = {1};
    options.norm = ranks ? "sync_batch" : "batch";
    options.activation_checkpointing = joined.activation_checkpointing;
    options.channels_last_3d = joined.channels_last_3d;
    auto model =
        make_denoising_model(options, {.in_channels = 3, .out_channels = 1, .seed = 11, .communicator = ranks});
    model->to(at::kDouble);
    return model;
}

/// One forward and backward of items [begin, end) of the joined batch: output [n,1,D,H,W], and gradients in the parameters.
at::Tensor step(DenoisingModel& model, int64_t begin, int64_t end) {
    std::vector<ops::RandomKey> keys;
    std::vector<int64_t> timesteps;
    for (int64_t i = begin; i < end; ++i) {
        keys.push_back({.seed = 4, .position = static_cast<uint32_t>(i)});
        timesteps.push_back(199 * i);
    }
    const auto numbers = [&](uint32_t layer, int64_t channels) {
        const std::vector<int64_t> shape{end - begin, channels, 8, 4, 6};
        return 2 * ops::random_uniform_tensor(keys, ops::Purpose::test_values, layer, shape, at::kDouble) - 1;
    };
    at::Tensor y;
    {
        const ops::RandomScope scope(keys);
        y = model.forward(numbers(0, 3), at::tensor(timesteps, at::kLong));
    }
    (y.square() * numbers(1, 1)).sum().backward();
    return y.detach();
}

void compare(const Joined& joined) {
    compare_with_joined_batch<DenoisingModel>(*make(joined, &communicator()), *make(joined, nullptr), joined.items,
                                              1e-11, step);
}

TEST(FastDdpm3dSync, EqualsTheJoinedBatchWithUnevenShares) { compare({.items = 5}); }

TEST(FastDdpm3dSync, EqualsTheJoinedBatchWithEmptyRanks) {
    compare({.items = 3});  // at four ranks the first has none
    compare({.items = 1});  // all but the last have none
}

TEST(FastDdpm3dSync, EqualsTheJoinedBatchWithActivationCheckpointing) {
    compare({.items = 5, .activation_checkpointing = true});
    compare({.items = 1, .activation_checkpointing = true});
}

TEST(FastDdpm3dSync, EqualsTheJoinedBatchInChannelsLast) { compare({.items = 3, .channels_last_3d = true}); }

}  // namespace
}  // namespace vox::nn
