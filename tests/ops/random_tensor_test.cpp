#include "ops/random_tensor.hpp"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.hpp"

namespace vox::ops {
namespace {

std::vector<RandomKey> keys_of(uint32_t count) {
    std::vector<RandomKey> keys;
    for (uint32_t i = 0; i < count; ++i) keys.push_back({.seed = 42, .epoch = 3, .position = i, .draw = i % 2});
    return keys;
}

at::TensorOptions type(at::ScalarType scalar) { return at::TensorOptions(scalar); }

TEST(RandomUniformTensor, HoldsTheScalarFunctionsNumbers) {
    const auto keys = keys_of(3);
    const at::Tensor x = random_uniform_tensor(keys, Purpose::noise, 7, {3, 2, 5}, type(at::kDouble));
    for (int64_t b = 0; b < 3; ++b) {
        for (int64_t e = 0; e < 10; ++e) {
            EXPECT_EQ(x[b].flatten()[e].item<double>(),
                      random_uniform(keys[b], Purpose::noise, 7, static_cast<uint32_t>(e)));
        }
    }
}

TEST(RandomTensor, DoesNotDependOnHowTheBatchIsSplit) {
    const auto keys = keys_of(5);
    for (const auto make : {random_uniform_tensor, random_normal_tensor}) {
        const at::Tensor whole = make(keys, Purpose::noise, 1, {5, 3, 4, 3, 5}, type(at::kFloat));
        const at::Tensor head = make({keys.data(), 2}, Purpose::noise, 1, {2, 3, 4, 3, 5}, type(at::kFloat));
        const at::Tensor none = make({keys.data() + 2, 0}, Purpose::noise, 1, {0, 3, 4, 3, 5}, type(at::kFloat));
        const at::Tensor tail = make({keys.data() + 2, 3}, Purpose::noise, 1, {3, 3, 4, 3, 5}, type(at::kFloat));
        EXPECT_TRUE(whole.equal(at::cat({head, none, tail})));
        EXPECT_FALSE(whole[0].equal(whole[1]));
    }
}

TEST(RandomTensor, DoesNotDependOnThreads) {
    const auto keys = keys_of(2);
    const int before = at::get_num_threads();
    at::set_num_threads(1);
    const at::Tensor one = random_normal_tensor(keys, Purpose::noise, 0, {2, 40001}, type(at::kFloat));
    at::set_num_threads(3);
    const at::Tensor three = random_normal_tensor(keys, Purpose::noise, 0, {2, 40001}, type(at::kFloat));
    at::set_num_threads(before);
    EXPECT_TRUE(one.equal(three));
}

TEST(RandomTensor, AgreesAcrossTypes) {
    const auto keys = keys_of(2);
    const at::Tensor wide = random_uniform_tensor(keys, Purpose::noise, 0, {2, 1000}, type(at::kDouble));
    const at::Tensor single = random_uniform_tensor(keys, Purpose::noise, 0, {2, 1000}, type(at::kFloat));
    const at::Tensor half = random_uniform_tensor(keys, Purpose::noise, 0, {2, 1000}, type(at::kBFloat16));
    EXPECT_TRUE(single.to(at::kDouble).equal(wide));
    EXPECT_EQ(half.scalar_type(), at::kBFloat16);
    EXPECT_TRUE(half.equal(single.to(at::kBFloat16)));
}

TEST(RandomTensor, HasTheMomentsOfItsDistribution) {
    const RandomKey key{.seed = 1};
    const int64_t n = 400000;
    const double five_sigma = 5 / std::sqrt(static_cast<double>(n));
    const at::Tensor u = random_uniform_tensor({&key, 1}, Purpose::noise, 0, {1, n}, type(at::kDouble));
    EXPECT_NEAR(u.mean().item<double>(), 0.5, five_sigma * std::sqrt(1.0 / 12));
    EXPECT_NEAR((u - 0.5).square().mean().item<double>(), 1.0 / 12, five_sigma * std::sqrt(1.0 / 180));
    EXPECT_GE(u.min().item<double>(), 0.0);
    EXPECT_LT(u.max().item<double>(), 1.0);

    const at::Tensor z = random_normal_tensor({&key, 1}, Purpose::noise, 0, {1, n}, type(at::kDouble));
    EXPECT_NEAR(z.mean().item<double>(), 0.0, five_sigma);
    EXPECT_NEAR(z.square().mean().item<double>(), 1.0, five_sigma * std::sqrt(2.0));
    EXPECT_NEAR(z.pow(3).mean().item<double>(), 0.0, five_sigma * std::sqrt(15.0));
    EXPECT_NEAR(z.pow(4).mean().item<double>(), 3.0, five_sigma * std::sqrt(96.0));
    EXPECT_NEAR(z.lt(-1.959964).to(at::kDouble).mean().item<double>(), 0.025, five_sigma * std::sqrt(0.025 * 0.975));
}

TEST(RandomTensor, NeighboursAreUncorrelated) {
    const auto keys = keys_of(2);
    const int64_t n = 200000;
    const at::Tensor z = random_normal_tensor(keys, Purpose::noise, 0, {2, n}, type(at::kDouble));
    const double five_sigma = 5 / std::sqrt(static_cast<double>(n));
    EXPECT_NEAR((z[0] * z[1]).mean().item<double>(), 0, five_sigma);
    for (const int64_t lag : {1, 2, 3, 4}) {
        EXPECT_NEAR((z[0].slice(0, 0, n - lag) * z[0].slice(0, lag)).mean().item<double>(), 0, five_sigma)
            << "lag " << lag;
    }
    const at::Tensor layer1 = random_normal_tensor(keys, Purpose::noise, 1, {2, n}, type(at::kDouble));
    EXPECT_NEAR((z * layer1).mean().item<double>(), 0, five_sigma);
}

TEST(RandomTensor, RefusesAWrongNumberOfKeys) {
    const auto keys = keys_of(2);
    EXPECT_THROW(random_uniform_tensor(keys, Purpose::noise, 0, {3, 4}, type(at::kFloat)), core::InternalError);
    EXPECT_THROW(random_uniform_tensor(keys, Purpose::noise, 0, {}, type(at::kFloat)), core::InternalError);
}

TEST(Fill, IsTheSameInAnyMemoryLayoutAndKeepsIt) {
    const RandomKey key{.seed = 9};
    const at::Tensor plain = at::empty({4, 3, 3, 3, 3});
    const at::Tensor last = at::empty({4, 3, 3, 3, 3}, at::MemoryFormat::ChannelsLast3d);
    fill_normal(plain, key, Purpose::initial_weights, 5, 1.0, 0.5);
    fill_normal(last, key, Purpose::initial_weights, 5, 1.0, 0.5);
    EXPECT_TRUE(plain.equal(last));
    EXPECT_TRUE(last.is_contiguous(at::MemoryFormat::ChannelsLast3d));
}

TEST(Fill, KeepsItsRangeAndDiffersByLayer) {
    const RandomKey key{.seed = 9};
    at::Tensor first = at::empty({10000}).requires_grad_();
    const at::Tensor second = at::empty({10000});
    fill_uniform(first, key, Purpose::initial_weights, 0, -0.25, 0.75);
    fill_uniform(second, key, Purpose::initial_weights, 1, -0.25, 0.75);
    EXPECT_TRUE(first.is_leaf());
    EXPECT_GE(first.min().item<double>(), -0.25);
    EXPECT_LT(first.max().item<double>(), 0.75);
    EXPECT_NEAR(first.mean().item<double>(), 0.25, 0.015);
    EXPECT_FALSE(first.equal(second));
}

}  // namespace
}  // namespace vox::ops
