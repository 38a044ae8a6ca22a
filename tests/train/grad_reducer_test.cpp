#include "train/grad_reducer.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/ones.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "comm/local_communicator.hpp"
#include "core/error.hpp"
#include "data/epoch_sampler.hpp"
#include "loss/dice.hpp"
#include "nn/make_model.hpp"
#include "ops/random_scope.hpp"
#include "ops/random_tensor.hpp"
#include "support/world.hpp"

namespace vox::train {
namespace {

using testing::HasSubstr;

/// A narrow SegResNet with dropout, the same weights on every rank, and what it needs.
struct Net {
    Net(comm::Communicator& comm, const std::string& norm, at::ScalarType dtype) : norm_comm(comm.duplicate()) {
        nn::ModelOptions options;
        options.init_filters = 8;
        options.blocks_down = {1, 1};
        options.blocks_up = {1};
        options.norm = norm;
        options.norm_groups = 4;
        options.dropout_prob = 0.3;
        model =
            nn::make_model(options, {.in_channels = 2, .out_channels = 2, .seed = 5, .communicator = norm_comm.get()});
        model->to(dtype);
    }
    std::vector<NamedParameter> parameters() const {
        std::vector<NamedParameter> all;
        for (auto& item : model->named_parameters()) all.push_back({item.key(), item.value()});
        return all;
    }
    std::unique_ptr<comm::Communicator> norm_comm;
    std::shared_ptr<nn::Model> model;
};

std::vector<ops::RandomKey> item_keys(int64_t begin, int64_t size) {
    std::vector<ops::RandomKey> keys;
    for (int64_t i = begin; i < begin + size; ++i) keys.push_back({.seed = 9, .position = static_cast<uint32_t>(i)});
    return keys;
}

/// Forward and backward of items [begin, begin+size) of a batch of `total`; every item differs.
void backward(Net& net, int64_t begin, int64_t size, int64_t total, at::ScalarType dtype) {
    const auto keys = item_keys(begin, size);
    const auto options = at::TensorOptions().dtype(dtype);
    const auto image = ops::random_normal_tensor(keys, ops::Purpose::test_values, 0, {size, 2, 8, 8, 8}, options);
    const auto target =
        ops::random_uniform_tensor(keys, ops::Purpose::test_values, 1, {size, 2, 8, 8, 8}, options) > 0.6;
    const ops::RandomScope random(keys);
    const auto losses = loss::dice_loss_per_item(net.model->forward(image), target);
    (losses.sum() / static_cast<double>(2 * total)).backward();
}

at::Tensor joined(const GradReducer& reducer) {
    std::vector<at::Tensor> parts;
    for (const auto& parameter : reducer.parameters())
        parts.push_back(parameter.tensor.grad().reshape({-1}).to(at::kDouble));
    return at::cat(parts);
}

double length(const at::Tensor& x) { return at::linalg_vector_norm(x).item<double>(); }

/// Who owns what, for 5 items: np 2 [0 1 2][3 4], np 3 [0 1][2 3][4], np 4 [0 1][2][3][4]; for 2 items np 3 and 4 have ranks
/// without any.
void expect_same_gradients(const std::string& norm_kind, at::ScalarType dtype, int64_t items, double bound,
                           int64_t bucket_bytes) {
    auto& comm = test::communicator();
    comm::LocalCommunicator alone{at::kCPU};
    Net reference(alone, norm_kind, dtype);
    GradReducer single(reference.parameters(), alone.duplicate(), {});
    single.zero();
    single.arm(true);
    backward(reference, 0, items, items, dtype);
    single.wait();

    Net net(comm, norm_kind, dtype);
    GradReducer reducer(net.parameters(), comm.duplicate(), {.bucket_bytes = bucket_bytes});
    for (int repeat = 0; repeat < 2; ++repeat) {  // the second step must not remember the first
        reducer.zero();
        reducer.arm(true);
        const auto slice = data::rank_slice(items, comm.rank(), comm.size());
        backward(net, slice.begin, slice.size, items, dtype);
        reducer.wait();
    }
    const auto expected = joined(single), actual = joined(reducer);
    ASSERT_GT(length(expected), 1e-4);
    EXPECT_LE(length(actual - expected) / length(expected), bound) << norm_kind << " with " << items << " items";
}

TEST(GradReducer, EqualsTheSingleProcessOnTheJoinedBatchInFp64) {
    for (const char* norm_kind : {"group", "sync_batch", "instance"})
        for (const int64_t items : {5, 2}) expect_same_gradients(norm_kind, at::kDouble, items, 1e-12, 16 << 10);
}

TEST(GradReducer, EqualsTheSingleProcessOnTheJoinedBatchInFp32) {
    for (const char* norm_kind : {"group", "sync_batch"})
        expect_same_gradients(norm_kind, at::kFloat, 5, 1e-5, 16 << 10);
}

TEST(GradReducer, OneBucketOrOneATensorGiveTheSame) {
    expect_same_gradients("group", at::kDouble, 5, 1e-12, 1);
    expect_same_gradients("group", at::kDouble, 5, 1e-12, int64_t{1} << 30);
}

TEST(GradReducer, AccumulatesMicroBatchesAndReducesOnlyTheLast) {
    auto& comm = test::communicator();
    comm::LocalCommunicator alone{at::kCPU};
    Net reference(alone, "group", at::kDouble);
    GradReducer single(reference.parameters(), alone.duplicate(), {});
    single.zero();
    single.arm(true);
    backward(reference, 0, 6, 6, at::kDouble);
    single.wait();

    Net net(comm, "group", at::kDouble);
    GradReducer reducer(net.parameters(), comm.duplicate(), {.bucket_bytes = 16 << 10});
    reducer.zero();
    for (int64_t micro_batch = 0; micro_batch < 2; ++micro_batch) {
        reducer.arm(micro_batch == 1);
        const auto slice = data::rank_slice(3, comm.rank(), comm.size());
        backward(net, 3 * micro_batch + slice.begin, slice.size, 6, at::kDouble);
    }
    reducer.wait();
    EXPECT_LE(length(joined(reducer) - joined(single)) / length(joined(single)), 1e-12);
}

TEST(GradReducer, GradientsStayViewsOfTheirBuckets) {
    Net net(test::communicator(), "group", at::kFloat);
    net.model->to(at::kFloat);
    for (auto& parameter : net.model->parameters()) {
        if (parameter.dim() == 5) parameter.set_data(parameter.contiguous(at::MemoryFormat::ChannelsLast3d));
    }
    GradReducer reducer(net.parameters(), test::communicator().duplicate(), {});
    std::vector<void*> before;
    for (const auto& parameter : reducer.parameters()) before.push_back(parameter.tensor.grad().data_ptr());
    reducer.zero();
    reducer.arm(true);
    backward(net, test::world().rank(), 1, test::world().size(), at::kFloat);
    reducer.wait();
    for (size_t i = 0; i < before.size(); ++i) {
        const auto& parameter = reducer.parameters()[i];
        EXPECT_EQ(parameter.tensor.grad().data_ptr(), before[i]) << parameter.name;
        EXPECT_EQ(parameter.tensor.grad().strides(), parameter.tensor.strides()) << parameter.name;
    }
}

TEST(GradReducer, NamesParametersThatTookNoPartOnEveryRank) {
    const auto used = at::ones({3}).requires_grad_(true), unused = at::ones({2}).requires_grad_(true);
    GradReducer reducer({{"used", used}, {"lonely.weight", unused}}, test::communicator().duplicate(), {});
    reducer.zero();
    reducer.arm(true);
    (used * static_cast<double>(test::world().rank() + 1)).sum().backward();
    try {
        reducer.wait();
        FAIL() << "an unused parameter was not noticed";
    } catch (const core::ConfigError& error) {
        EXPECT_THAT(error.what(), HasSubstr("lonely.weight"));
    }
    const double ranks = test::world().size();
    EXPECT_EQ(used.grad()[0].item<double>(), ranks * (ranks + 1) / 2);
}

}  // namespace
}  // namespace vox::train
