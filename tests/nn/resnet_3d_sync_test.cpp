// The 3-D ResNet with norm: sync_batch.  Every rank holds a slice of one batch; the reference is one process on the joined batch, which
// each rank computes alone: the same network with batch normalisation, dropout of its table included.

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "nn/joined_batch.hpp"
#include "nn/resnet_3d_items.hpp"
#include "ops/random_scope.hpp"
#include "ops/random_tensor.hpp"
#include "support/world.hpp"

namespace vox::nn {
namespace {

using test::communicator;

struct Joined {
    int64_t items;
    std::string architecture = "resnet18";
    std::string shortcut_type = "B";
    bool activation_checkpointing = false;
    bool channels_last_3d = false;
};

std::shared_ptr<ResNet3d> make(const Joined& joined, comm::Communicator* ranks) {
    auto options = narrow_resnet(joined.architecture);
    options.shortcut_type = joined.shortcut_type;
    options.norm = ranks ? "sync_batch" : "batch";
    options.tabular = {.fusion = "concatenation", .hidden_channels = 6, .dropout_prob = 0.25};
    options.activation_checkpointing = joined.activation_checkpointing;
    options.channels_last_3d = joined.channels_last_3d;
    const ModelContext context{.in_channels = 1, .out_channels = 2, .seed = 11, .communicator = ranks};
    auto network = std::make_shared<ResNet3d>(options, context, 3);
    network->to(at::kDouble);
    return network;
}

/// One forward and backward of items [begin, end) of the joined batch: output [n,2], and gradients in the parameters.
at::Tensor step(ResNet3d& network, int64_t begin, int64_t end) {
    std::vector<ops::RandomKey> keys;
    for (int64_t i = begin; i < end; ++i) keys.push_back({.seed = 4, .position = static_cast<uint32_t>(i)});
    const auto numbers = [&](uint32_t layer, std::vector<int64_t> sizes) {
        sizes.insert(sizes.begin(), end - begin);
        return 2 * ops::random_uniform_tensor(keys, ops::Purpose::test_values, layer, sizes, at::kDouble) - 1;
    };
    at::Tensor y;
    {
        const ops::RandomScope scope(keys);
        y = network.forward(numbers(0, {1, 20, 18, 24}), numbers(1, {3}));
    }
    (y.square() * numbers(2, {2})).sum().backward();
    return y.detach();
}

void compare(const Joined& joined) {
    compare_with_joined_batch<ResNet3d>(*make(joined, &communicator()), *make(joined, nullptr), joined.items, 1e-11,
                                        step);
}

TEST(ResNet3dSync, EqualsTheJoinedBatchWithUnevenShares) {
    compare({.items = 5});
    compare({.items = 5, .architecture = "resnet50"});
}

TEST(ResNet3dSync, EqualsTheJoinedBatchWithEmptyRanks) {
    compare({.items = 3});  // at four ranks the first has none
    compare({.items = 1});  // all but the last have none
}

TEST(ResNet3dSync, EqualsTheJoinedBatchWithActivationCheckpointing) {
    compare({.items = 5, .activation_checkpointing = true});
    compare({.items = 1, .architecture = "resnet50", .activation_checkpointing = true});
}

TEST(ResNet3dSync, EqualsTheJoinedBatchWithShortcutA) { compare({.items = 3, .shortcut_type = "A"}); }

TEST(ResNet3dSync, EqualsTheJoinedBatchInChannelsLast) { compare({.items = 3, .channels_last_3d = true}); }

}  // namespace
}  // namespace vox::nn
