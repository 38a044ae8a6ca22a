#include "train/replicas.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "nn/make_model.hpp"
#include "ops/random_tensor.hpp"
#include "support/world.hpp"
#include "train/grad_reducer.hpp"

namespace vox::train {
namespace {

using testing::HasSubstr;

std::shared_ptr<nn::Model> small_model(uint64_t seed) {
    nn::ModelOptions options;
    options.init_filters = 8;
    options.blocks_down = {1, 1};
    options.blocks_up = {1};
    options.dropout_prob = 0;
    return nn::make_model(options, {.in_channels = 1, .out_channels = 1, .seed = seed, .communicator = nullptr});
}

TEST(Replicas, BroadcastMakesRanksEqualThatWereNot) {
    auto model = small_model(static_cast<uint64_t>(100 + test::world().rank()));
    if (test::world().size() > 1) {
        EXPECT_THROW(check_replicas(*model, test::world(), 0), core::InternalError);
    }
    broadcast_replicas(*model, test::communicator());
    EXPECT_NO_THROW(check_replicas(*model, test::world(), 0));
    const auto expected = small_model(100);
    EXPECT_TRUE(model->parameters().front().equal(expected->parameters().front()));
}

/// Rank 1 takes its own gradients as if they were the sum: what calling the bare module instead of the wrapped one does.
TEST(Replicas, BypassingTheReducerOnOneRankIsCaughtAndTheRankIsNamed) {
    if (test::world().size() < 2) GTEST_SKIP() << "needs two ranks";
    auto model = small_model(7);
    std::vector<NamedParameter> parameters;
    for (auto& item : model->named_parameters()) parameters.push_back({item.key(), item.value()});
    GradReducer reducer(parameters, test::communicator().duplicate(), {});
    const std::vector<ops::RandomKey> keys{{.seed = 1, .position = static_cast<uint32_t>(test::world().rank())}};
    const auto image = ops::random_normal_tensor(keys, ops::Purpose::test_values, 0, {1, 1, 8, 8, 8}, at::kFloat);
    reducer.zero();
    reducer.arm(true);
    model->forward(image).square().mean().backward();
    std::vector<at::Tensor> own;
    for (const auto& parameter : parameters) own.push_back(parameter.tensor.grad().clone());
    reducer.wait();
    {
        const at::NoGradGuard no_grad;
        const bool bypass = test::world().rank() == 1;
        for (size_t i = 0; i < parameters.size(); ++i) {
            // The last bucket may have been reduced while backward ran, so that the bypassing rank scales what it has.
            const auto gradient = bypass ? own[i] * 0.5 : parameters[i].tensor.grad();
            parameters[i].tensor.sub_(gradient, 0.1);
        }
    }
    try {
        check_replicas(*model, test::world(), 3);
        FAIL() << "replicas that drifted apart were not noticed";
    } catch (const core::InternalError& error) {
        EXPECT_THAT(error.what(), HasSubstr("replicas differ at step 3"));
        if (test::world().size() > 2) {
            EXPECT_THAT(error.what(), HasSubstr("the model of rank 1 is not"));
        }
    }
}

TEST(Replicas, OneFlippedBitIsNoticed) {
    if (test::world().size() < 3) GTEST_SKIP() << "a majority needs three ranks";
    auto model = small_model(7);
    check_replicas(*model, test::world(), 1);
    const at::NoGradGuard no_grad;
    if (test::world().rank() == 2) {
        auto* bits = static_cast<uint32_t*>(model->parameters().back().data_ptr());
        bits[0] ^= 1u;
    }
    try {
        check_replicas(*model, test::world(), 1);
        FAIL();
    } catch (const core::InternalError& error) {
        EXPECT_THAT(error.what(), HasSubstr("the model of rank 2 is not"));
    }
}

}  // namespace
}  // namespace vox::train
