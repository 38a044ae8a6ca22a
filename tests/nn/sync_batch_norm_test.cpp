// Every rank holds a slice of one batch; the reference is ATen's batch_norm on the whole batch, which each rank computes alone.
#include "nn/sync_batch_norm.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "nn/activation_checkpoint.hpp"
#include "ops/random_tensor.hpp"
#include "support/world.hpp"

namespace vox::nn {
namespace {

using test::communicator;
using test::world;

constexpr int64_t channels = 3;

struct Joined {
    std::vector<int64_t> sizes;  // of the whole batch
    at::ScalarType type = at::kDouble;
    at::MemoryFormat format = at::MemoryFormat::Contiguous;
    bool empty_last_rank = false;
    bool checkpointed = false;
    double mean = 2;
};

at::Tensor values(at::IntArrayRef sizes, uint32_t layer, double mean, at::ScalarType type) {
    const at::Tensor x = at::empty(sizes, at::kDouble);
    ops::fill_normal(x, {.seed = 21}, ops::Purpose::test_values, layer, mean, 1.5);
    return x.to(type);
}

/// This rank's contiguous slice; sizes differ by one at most, or the last rank's is empty.
at::Tensor own_slice(const at::Tensor& whole, const Joined& setup) {
    const int64_t ranks = setup.empty_last_rank && world().size() > 1 ? world().size() - 1 : world().size();
    const int64_t items = whole.size(0), rank = std::min<int64_t>(world().rank(), ranks);
    return whole.slice(0, items * rank / ranks, rank == ranks ? items : items * (rank + 1) / ranks);
}

double distance(const at::Tensor& a, const at::Tensor& b) {
    const at::Tensor wide = b.to(at::kDouble);
    return ((a.to(at::kDouble) - wide).norm() / wide.norm().clamp_min(1e-300)).item<double>();
}

/// Two training steps and an evaluation, each compared to the reference.
void compare(const Joined& setup) {
    const double tolerance = setup.type == at::kDouble ? 1e-12 : 1e-6;
    SyncBatchNorm norm(channels, &communicator());
    norm.to(setup.type);
    at::Tensor weight = norm.named_parameters()["weight"], bias = norm.named_parameters()["bias"];
    {
        const at::NoGradGuard no_gradient;
        weight.copy_(values({channels}, 1, 1, setup.type));
        bias.copy_(values({channels}, 2, 0, setup.type));
    }
    const at::Tensor weight2 = weight.detach().clone().requires_grad_(), bias2 = bias.detach().clone().requires_grad_();
    const at::Tensor mean2 = at::zeros({channels}, setup.type), var2 = at::ones({channels}, setup.type);

    for (const bool training : {true, true, false}) {
        norm.train(training);
        const auto step = static_cast<uint32_t>(norm.named_buffers()["num_batches_tracked"].item<int64_t>());
        const at::Tensor whole = values(setup.sizes, 10 + step, setup.mean, setup.type).contiguous(setup.format);
        const at::Tensor slope = values(setup.sizes, 20 + step, 0.3, setup.type);
        const at::Tensor x = own_slice(whole, setup).contiguous(setup.format).detach().requires_grad_();
        // Contiguous: ATen's kernel for channels last sums float32 in float32, which alone is 1e-5 off.
        const at::Tensor x2 = whole.detach().contiguous(at::MemoryFormat::Contiguous).clone().requires_grad_();

        const at::Tensor y = setup.checkpointed ? activation_checkpoint(norm, x) : norm.forward(x);
        const at::Tensor y2 = at::batch_norm(x2, weight2, bias2, mean2, var2, training, 0.1, 1e-5, false);
        (y * own_slice(slope, setup)).sum().backward();
        (y2 * slope).sum().backward();

        if (x.numel() > 0) {
            EXPECT_LE(distance(y, own_slice(y2, setup)), tolerance);
            EXPECT_LE(distance(x.grad(), own_slice(x2.grad(), setup)), tolerance);
            EXPECT_EQ(y.suggest_memory_format(), setup.format);
        }
        EXPECT_EQ(y.scalar_type(), setup.type);
        const at::Tensor weight_gradient = weight.grad().clone(), bias_gradient = bias.grad().clone();
        communicator().all_reduce_sum(weight_gradient);
        communicator().all_reduce_sum(bias_gradient);
        EXPECT_LE(distance(weight_gradient, weight2.grad()), tolerance);
        EXPECT_LE(distance(bias_gradient, bias2.grad()), tolerance);
        EXPECT_LE(distance(norm.named_buffers()["running_mean"], mean2), tolerance);
        EXPECT_LE(distance(norm.named_buffers()["running_var"], var2), tolerance);
    }
    EXPECT_EQ(norm.named_buffers()["num_batches_tracked"].item<int64_t>(), 2);
}

class SyncBatchNormTypes : public testing::TestWithParam<at::ScalarType> {};

TEST_P(SyncBatchNormTypes, EqualsTheJoinedBatchInAnyDimension) {
    for (const auto& sizes : std::vector<std::vector<int64_t>>{{7, 3}, {5, 3, 9}, {5, 3, 6, 7}, {5, 3, 4, 5, 6}}) {
        SCOPED_TRACE(sizes.size());
        compare({.sizes = sizes, .type = GetParam()});
    }
}

TEST_P(SyncBatchNormTypes, EqualsTheJoinedBatchInChannelsLast) {
    compare({.sizes = {5, 3, 6, 7}, .type = GetParam(), .format = at::MemoryFormat::ChannelsLast});
    compare({.sizes = {5, 3, 4, 5, 6}, .type = GetParam(), .format = at::MemoryFormat::ChannelsLast3d});
}

TEST_P(SyncBatchNormTypes, AcceptsAnEmptyRank) {
    compare({.sizes = {5, 3, 4, 5, 6}, .type = GetParam(), .empty_last_rank = true});
    // Fewer items than ranks: at four ranks two are empty.
    compare({.sizes = {2, 3, 4, 5, 6}, .type = GetParam()});
}

TEST_P(SyncBatchNormTypes, WorksInsideAnActivationCheckpoint) {
    compare({.sizes = {5, 3, 4, 5, 6}, .type = GetParam(), .empty_last_rank = true, .checkpointed = true});
}

INSTANTIATE_TEST_SUITE_P(Types, SyncBatchNormTypes, testing::Values(at::kDouble, at::kFloat),
                         [](const auto& info) { return std::string(c10::toString(info.param)); });

TEST(SyncBatchNorm, KeepsItsDigitsWhereTheMeanIsFarFromZero) {
    // The variance would be lost as a difference of two squares of 1e6.
    SyncBatchNorm norm(channels, &communicator());
    norm.to(at::kDouble);
    const Joined setup{.sizes = {6, 3, 5, 5, 5}};
    const at::Tensor centred = values(setup.sizes, 30, 0, at::kDouble);
    const at::Tensor y = norm.forward(own_slice(centred + 1e6, setup));
    const at::Tensor y2 = at::batch_norm(centred, {}, {}, {}, {}, true, 0.1, 1e-5, false);
    if (y.numel() > 0) {
        EXPECT_LE(distance(y, own_slice(y2, setup)), 1e-9);  // 1e6 itself rounds to 1e-10
    }
}

TEST(SyncBatchNorm, NormalisesHalfPrecisionWithFullPrecisionWeights) {
    SyncBatchNorm norm(channels, &communicator());
    const Joined setup{.sizes = {5, 3, 4, 4, 4}};
    const at::Tensor whole = values(setup.sizes, 31, 1, at::kBFloat16);
    const at::Tensor x = own_slice(whole, setup).detach().requires_grad_();
    const at::Tensor y = norm.forward(x);
    EXPECT_EQ(y.scalar_type(), at::kBFloat16);
    y.sum().backward();
    EXPECT_EQ(x.grad().scalar_type(), at::kBFloat16);
    EXPECT_EQ(norm.parameters()[0].grad().scalar_type(), at::kFloat);
    const at::Tensor y2 = at::batch_norm(whole.to(at::kDouble), {}, {}, {}, {}, true, 0.1, 1e-5, false);
    if (y.numel() > 0) {
        EXPECT_LE(distance(y, own_slice(y2, setup)), 4e-3);  // bfloat16 has 8 bits
    }
}

TEST(SyncBatchNorm, GivesAllRanksTheSameStatistics) {
    SyncBatchNorm norm(channels, &communicator());
    const Joined setup{.sizes = {7, 3, 4, 4, 4}};
    norm.forward(own_slice(values(setup.sizes, 32, 1, at::kFloat), setup));
    for (const auto& buffer : norm.buffers()) {
        const at::Tensor all = communicator().all_gather(buffer.to(at::kDouble).reshape({1, -1}));
        EXPECT_TRUE(all.equal(all[0].expand_as(all)));
    }
}

TEST(SyncBatchNorm, EvaluationDoesNotCommunicate) {
    SyncBatchNorm norm(channels, &communicator());
    norm.eval();
    if (world().is_root()) norm.forward(values({2, 3, 4, 4, 4}, 33, 0, at::kFloat));  // rank 0 alone: would hang
    SUCCEED();
}

TEST(SyncBatchNorm, AllRanksRefuseOneValuePerChannel) {
    SyncBatchNorm norm(channels, &communicator());
    const Joined setup{.sizes = {1, 3, 1, 1, 1}};
    EXPECT_THROW(norm.forward(own_slice(values(setup.sizes, 34, 0, at::kFloat), setup)), core::ConfigError);
    EXPECT_EQ(norm.named_buffers()["num_batches_tracked"].item<int64_t>(), 0);
}

}  // namespace
}  // namespace vox::nn
