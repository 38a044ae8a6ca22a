// Norm layers of one process against ATen's own.
#include "nn/norm.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/instance_norm.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "ops/random_tensor.hpp"

namespace vox::nn {
namespace {

at::Tensor values(at::IntArrayRef sizes, uint32_t layer, double mean = 0) {
    const at::Tensor x = at::empty(sizes, at::kDouble);
    ops::fill_normal(x, {.seed = 8}, ops::Purpose::test_values, layer, mean, 1);
    return x;
}

void set_weights(Norm& norm) {
    const at::NoGradGuard no_gradient;
    norm.to(at::kDouble);
    norm.named_parameters()["weight"].copy_(values({6}, 1, 1));
    norm.named_parameters()["bias"].copy_(values({6}, 2));
}

using Reference = std::function<at::Tensor(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias)>;

/// Forward and all gradients of `kind` and of `reference` on the same values.
void compare(const std::string& kind, const Reference& reference, at::MemoryFormat format, double tolerance = 1e-12) {
    const auto norm = make_norm(kind, 6, 2, nullptr);
    set_weights(*norm);
    const at::Tensor x = values({3, 6, 4, 5, 3}, 0, 2).contiguous(format).requires_grad_();
    const at::Tensor slope = values({3, 6, 4, 5, 3}, 4);
    const at::Tensor weight = norm->named_parameters()["weight"], bias = norm->named_parameters()["bias"];
    const at::Tensor x2 = x.detach().clone().requires_grad_(), weight2 = weight.detach().clone().requires_grad_(),
                     bias2 = bias.detach().clone().requires_grad_();
    const at::Tensor y = norm->forward(x), y2 = reference(x2, weight2, bias2);
    (y * slope).sum().backward();
    (y2 * slope).sum().backward();
    const auto close = [&](const at::Tensor& a, const at::Tensor& b) {
        return ((a - b).norm() / b.norm()).item<double>() <= tolerance;
    };
    EXPECT_TRUE(close(y, y2));
    EXPECT_TRUE(close(x.grad(), x2.grad()));
    EXPECT_TRUE(close(weight.grad(), weight2.grad()));
    EXPECT_TRUE(close(bias.grad(), bias2.grad()));
    EXPECT_EQ(y.suggest_memory_format(), format);
}

class NormKinds : public testing::TestWithParam<at::MemoryFormat> {};

TEST_P(NormKinds, GroupEqualsATen) {
    compare(
        "group", [](const auto& x, const auto& w, const auto& b) { return at::group_norm(x, 2, w, b); }, GetParam());
}

TEST_P(NormKinds, InstanceEqualsATen) {
    compare(
        "instance",
        [](const auto& x, const auto& w, const auto& b) {
            return at::instance_norm(x, w, b, {}, {}, true, 0.1, 1e-5, false);
        },
        GetParam());
}

TEST_P(NormKinds, BatchEqualsATen) {
    compare(
        "batch",
        [](const auto& x, const auto& w, const auto& b) {
            return at::batch_norm(x, w, b, {}, {}, true, 0.1, 1e-5, false);
        },
        GetParam());
}

INSTANTIATE_TEST_SUITE_P(Layouts, NormKinds,
                         testing::Values(at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast3d),
                         [](const auto& info) {
                             return info.param == at::MemoryFormat::Contiguous ? "Contiguous" : "ChannelsLast";
                         });

TEST(Norm, NamesItsParametersAsMonaiDoes) {
    for (const auto& kind : {"group", "instance", "batch"}) {
        const auto norm = make_norm(kind, 6, 2, nullptr);
        ASSERT_EQ(norm->named_parameters().size(), 2u);
        EXPECT_EQ(norm->named_parameters()["weight"].sizes(), at::IntArrayRef({6}));
        EXPECT_EQ(norm->named_parameters()["bias"].sizes(), at::IntArrayRef({6}));
    }
    const auto buffers = make_norm("batch", 6, 1, nullptr)->named_buffers();
    EXPECT_EQ(buffers["running_mean"].sizes(), at::IntArrayRef({6}));
    EXPECT_EQ(buffers["running_var"].sizes(), at::IntArrayRef({6}));
    EXPECT_EQ(buffers["num_batches_tracked"].scalar_type(), at::kLong);
}

TEST(Norm, AcceptsAnEmptyBatchAndGivesZeroGradients) {
    for (const auto& kind : {"group", "instance", "batch"}) {
        for (const bool training : {true, false}) {
            const auto norm = make_norm(kind, 6, 2, nullptr);
            norm->train(training);
            const at::Tensor x = at::empty({0, 6, 4, 5, 3}).requires_grad_();
            const at::Tensor y = norm->forward(x);
            EXPECT_EQ(y.sizes(), x.sizes()) << kind;
            y.sum().backward();
            EXPECT_EQ(x.grad().sizes(), x.sizes()) << kind;
            for (const auto& parameter : norm->parameters()) {
                ASSERT_TRUE(parameter.grad().defined()) << kind;
                EXPECT_EQ(parameter.grad().abs().max().item<double>(), 0) << kind;
            }
            for (const auto& buffer : norm->named_buffers()) {
                const double untouched = buffer.key() == "running_var" ? 1 : 0;
                EXPECT_TRUE(buffer.value().eq(untouched).all().item<bool>()) << buffer.key();
            }
        }
    }
}

TEST(Norm, OfAnItemDoesNotDependOnItsBatch) {
    for (const auto& kind : {"group", "instance"}) {
        const auto norm = make_norm(kind, 6, 2, nullptr);
        const at::Tensor x = values({3, 6, 4, 5, 3}, 0).to(at::kFloat);
        EXPECT_TRUE(
            norm->forward(x).equal(at::cat({norm->forward(x.slice(0, 0, 1)), norm->forward(x.slice(0, 1, 3))})));
    }
}

TEST(Norm, RefusesWhatCannotBe) {
    EXPECT_THROW(make_norm("layer", 6, 2, nullptr), core::ConfigError);
    EXPECT_THROW(make_norm("group", 6, 4, nullptr), core::ConfigError);
    EXPECT_THROW(make_norm("group", 6, 0, nullptr), core::ConfigError);
    EXPECT_THROW(make_norm("sync_batch", 6, 1, nullptr), core::InternalError);
    const auto batch = make_norm("batch", 6, 1, nullptr);
    EXPECT_THROW(batch->forward(at::empty({1, 6, 1, 1, 1})), core::ConfigError);
    EXPECT_THROW(batch->forward(at::empty({2, 5, 3, 3, 3})), core::InternalError);
}

}  // namespace
}  // namespace vox::nn
