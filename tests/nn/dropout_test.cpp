#include "nn/dropout.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.hpp"
#include "ops/random_scope.hpp"

namespace vox::nn {
namespace {

std::vector<ops::RandomKey> keys_of(uint32_t first, uint32_t count) {
    std::vector<ops::RandomKey> keys;
    for (uint32_t i = first; i < first + count; ++i) keys.push_back({.seed = 7, .epoch = 1, .position = i});
    return keys;
}

at::Tensor run(Dropout& dropout, const at::Tensor& x, uint32_t first_key = 0) {
    const ops::RandomScope scope(keys_of(first_key, static_cast<uint32_t>(x.size(0))));
    return dropout.forward(x);
}

TEST(Dropout, DropsAndScalesElements) {
    Dropout dropout(0.3, DropoutKind::element);
    const at::Tensor y = run(dropout, at::ones({4, 5, 20, 20, 20}, at::kDouble));
    const at::Tensor kept = y.ne(0);
    EXPECT_NEAR(kept.to(at::kDouble).mean().item<double>(), 0.7, 5 * std::sqrt(0.21 / 160000));
    EXPECT_NEAR((y - kept.to(at::kDouble) / 0.7).abs().max().item<double>(), 0, 1e-15);
}

TEST(Dropout, DropsWholeChannels) {
    Dropout dropout(0.4);
    const at::Tensor y = run(dropout, at::ones({8, 500, 2, 3, 2}));
    const at::Tensor kept = y.ne(0).to(at::kDouble).flatten(2).mean(2);  // 0 or 1 for every channel
    EXPECT_TRUE(kept.eq(0).logical_or(kept.eq(1)).all().item<bool>());
    EXPECT_NEAR(kept.mean().item<double>(), 0.6, 5 * std::sqrt(0.24 / 4000));
    EXPECT_NEAR(y.max().item<double>(), 1 / 0.6, 1e-6);
    EXPECT_FALSE(kept[0].equal(kept[1]));
}

TEST(Dropout, DropsTheSameAtAnySplitOfTheBatch) {
    for (const auto kind : {DropoutKind::element, DropoutKind::channel}) {
        Dropout dropout(0.5, kind);
        const at::Tensor x = at::ones({5, 16, 3, 3, 3});
        const at::Tensor whole = run(dropout, x);
        const at::Tensor head = run(dropout, x.slice(0, 0, 3));
        const at::Tensor none = run(dropout, x.slice(0, 3, 3), 3);
        const at::Tensor tail = run(dropout, x.slice(0, 3, 5), 3);
        EXPECT_TRUE(whole.equal(at::cat({head, none, tail})));
    }
}

TEST(Dropout, DropsTheSameAtEveryPrecision) {
    Dropout dropout(0.2, DropoutKind::element);
    const at::Tensor wide = run(dropout, at::ones({2, 1000}, at::kDouble));
    const at::Tensor half = run(dropout, at::ones({2, 1000}, at::kBFloat16));
    EXPECT_EQ(half.scalar_type(), at::kBFloat16);
    EXPECT_TRUE(wide.ne(0).equal(half.ne(0)));
}

TEST(Dropout, LayersDropDifferently) {
    Dropout dropout(0.5, DropoutKind::element);
    const ops::RandomScope scope(keys_of(0, 2));
    const at::Tensor x = at::ones({2, 100});
    EXPECT_FALSE(dropout.forward(x).equal(dropout.forward(x)));
}

TEST(Dropout, SendsGradientsThroughWhatItKept) {
    Dropout dropout(0.5, DropoutKind::element);
    const at::Tensor x = at::ones({2, 100}).requires_grad_();
    const at::Tensor y = run(dropout, x);
    y.sum().backward();
    EXPECT_TRUE(x.grad().equal(y.detach()));
}

TEST(Dropout, IsTheIdentityInEvaluationAndAtZero) {
    const at::Tensor x = at::ones({2, 3, 4});
    Dropout none(0.0);
    EXPECT_TRUE(none.forward(x).is_same(x));
    Dropout dropout(0.5);
    dropout.eval();
    EXPECT_TRUE(dropout.forward(x).is_same(x));
    Dropout all(1.0);
    EXPECT_EQ(run(all, x).abs().max().item<double>(), 0);
}

TEST(Dropout, RefusesToRunOutsideAScopeAndBadProbabilities) {
    Dropout dropout(0.5);
    EXPECT_THROW(dropout.forward(at::ones({2, 3, 4})), core::InternalError);
    EXPECT_THROW(Dropout(1.5), core::ConfigError);
    EXPECT_THROW(Dropout(-0.1), core::ConfigError);
    EXPECT_THROW(Dropout(std::nan("")), core::ConfigError);
}

}  // namespace
}  // namespace vox::nn
