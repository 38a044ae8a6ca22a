#include "nn/activation_checkpoint.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/conv3d.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>

#include "nn/dropout.hpp"
#include "nn/norm.hpp"
#include "ops/random_scope.hpp"
#include "ops/random_tensor.hpp"

namespace vox::nn {
namespace {

const std::vector<ops::RandomKey> keys = {{.seed = 3, .position = 0}, {.seed = 3, .position = 1}};

at::Tensor values(at::IntArrayRef sizes, uint32_t layer) {
    const at::Tensor x = at::empty(sizes, at::kDouble);
    ops::fill_normal(x, {.seed = 8}, ops::Purpose::test_values, layer, 0, 0.5);
    return x;
}

/// x + dropout(conv(relu(norm(x)))): a residual block with every kind of state.
class Block : public torch::nn::Module {
public:
    Block(uint32_t layer, const std::string& norm) {
        norm_ = register_module("norm", make_norm(norm, 4, 2, nullptr));
        norm_->to(at::kDouble);
        weight_ = register_parameter("conv", values({4, 4, 3, 3, 3}, layer));
        dropout_ = register_module("dropout", std::make_shared<Dropout>(0.4, DropoutKind::element));
    }
    at::Tensor forward(const at::Tensor& x) {
        return x + dropout_->forward(at::conv3d(norm_->forward(x).relu(), weight_, {}, 1, at::IntArrayRef{1}));
    }

private:
    std::shared_ptr<Norm> norm_;
    at::Tensor weight_;
    std::shared_ptr<Dropout> dropout_;
};

enum class Mode { plain, each_block, nested };

class Model : public torch::nn::Module {
public:
    explicit Model(Mode mode, const std::string& norm = "group") : mode_(mode) {
        for (uint32_t i = 0; i < 3; ++i) {
            blocks_.push_back(
                register_module(std::string(1, static_cast<char>('a' + i)), std::make_shared<Block>(i, norm)));
        }
    }
    at::Tensor forward(const at::Tensor& x) {
        if (mode_ == Mode::nested) {
            return activation_checkpoint([this](const std::vector<at::Tensor>& in) { return body(in[0]); }, {x},
                                         parameters());
        }
        return body(x);
    }

private:
    at::Tensor body(at::Tensor x) {
        for (const auto& block : blocks_) {
            x = mode_ == Mode::plain ? block->forward(x) : activation_checkpoint(*block, x);
        }
        return x;
    }
    Mode mode_;
    std::vector<std::shared_ptr<Block>> blocks_;
};

struct Result {
    at::Tensor output;
    at::Tensor input_gradient;
    std::vector<at::Tensor> gradients;
    std::vector<at::Tensor> buffers;
};

Result run(Model& model, int64_t items = 2) {
    const at::Tensor x = values({items, 4, 5, 4, 3}, 50).requires_grad_();
    at::Tensor y;
    {
        const ops::RandomScope scope({keys.data(), static_cast<size_t>(items)});
        y = model.forward(x);
    }
    y.square().sum().backward();  // outside of the scope, as in a real step
    Result result{y.detach(), x.grad(), {}, {}};
    for (const auto& parameter : model.parameters()) result.gradients.push_back(parameter.grad());
    for (const auto& buffer : model.buffers()) result.buffers.push_back(buffer.clone());
    return result;
}

void expect_equal(const Result& expected, const Result& actual) {
    EXPECT_TRUE(expected.output.equal(actual.output));
    EXPECT_TRUE(expected.input_gradient.equal(actual.input_gradient));
    ASSERT_EQ(expected.gradients.size(), actual.gradients.size());
    for (size_t i = 0; i < expected.gradients.size(); ++i) {
        EXPECT_TRUE(expected.gradients[i].equal(actual.gradients[i])) << "parameter " << i;
    }
    for (size_t i = 0; i < expected.buffers.size(); ++i) {
        EXPECT_TRUE(expected.buffers[i].equal(actual.buffers[i])) << "buffer " << i;
    }
}

TEST(ActivationCheckpoint, GivesTheSameGradientsWithDropout) {
    Model plain(Mode::plain), blocks(Mode::each_block), nested(Mode::nested);
    const Result expected = run(plain);
    EXPECT_GT(expected.gradients[0].abs().max().item<double>(), 0);
    expect_equal(expected, run(blocks));
    expect_equal(expected, run(nested));
}

TEST(ActivationCheckpoint, UpdatesRunningStatisticsOnce) {
    Model plain(Mode::plain, "batch"), blocks(Mode::each_block, "batch"), nested(Mode::nested, "batch");
    const Result expected = run(plain);
    expect_equal(expected, run(blocks));
    expect_equal(expected, run(nested));
}

TEST(ActivationCheckpoint, PassesAnEmptyBatch) {
    for (const char* norm : {"group", "batch"}) {
        Model model(Mode::nested, norm);
        const Result result = run(model, 0);
        EXPECT_EQ(result.output.size(0), 0);
        for (const auto& gradient : result.gradients) {
            ASSERT_TRUE(gradient.defined());
            EXPECT_EQ(gradient.abs().max().item<double>(), 0);
        }
    }
}

TEST(ActivationCheckpoint, FiresEachHookOnce) {
    Model model(Mode::nested);
    std::vector<int> fired(model.parameters().size());
    std::vector<std::shared_ptr<torch::autograd::Node>> held;
    struct Count : torch::autograd::FunctionPostHook {
        explicit Count(int& count) : count_(count) {}
        torch::autograd::variable_list operator()(const torch::autograd::variable_list& outputs,
                                                  const torch::autograd::variable_list&) override {
            ++count_;
            return outputs;
        }
        int& count_;
    };
    const auto parameters = model.parameters();
    for (size_t i = 0; i < parameters.size(); ++i) {
        held.push_back(torch::autograd::impl::grad_accumulator(parameters[i]));
        held.back()->add_post_hook(std::make_unique<Count>(fired[i]));
    }
    run(model);
    for (const int count : fired) EXPECT_EQ(count, 1);
}

TEST(ActivationCheckpoint, ForgetsActivations) {
    // The block's inner tensor is gone after forward, and seen again in backward.
    int runs = 0;
    c10::weak_intrusive_ptr<at::TensorImpl> inner(values({1}, 0).getIntrusivePtr());
    const at::Tensor weight = values({4}, 1).requires_grad_();
    const BlockFunction block = [&](const std::vector<at::Tensor>& in) {
        ++runs;
        EXPECT_EQ(is_recomputing(), runs == 2);
        const at::Tensor product = in[0] * weight;
        inner = product.getIntrusivePtr();
        return product.sigmoid() * product;
    };
    const at::Tensor y = activation_checkpoint(block, {values({4}, 2)}, {weight});
    EXPECT_TRUE(inner.expired());
    y.sum().backward();
    EXPECT_EQ(runs, 2);
    EXPECT_FALSE(is_recomputing());
    EXPECT_TRUE(weight.grad().defined());
}

TEST(ActivationCheckpoint, SkipsFrozenParametersAndPlainInputs) {
    const at::Tensor frozen = values({4}, 1), trained = values({4}, 2).requires_grad_();
    const at::Tensor x = values({4}, 3), other = values({4}, 4).requires_grad_();
    const at::Tensor y =
        activation_checkpoint([&](const std::vector<at::Tensor>& in) { return in[0] * frozen + in[1] * trained; },
                              {x, other}, {frozen, trained});
    y.sum().backward();
    EXPECT_TRUE(trained.grad().equal(other));
    EXPECT_TRUE(other.grad().equal(trained));
    EXPECT_FALSE(x.grad().defined());
}

/// Gradient of a weight that is used inside and then outside of a checkpointed block under autocast, backward after it.
at::Tensor gradient_under_autocast(bool checkpointed) {
    const at::Tensor weight = values({4, 4, 3, 3, 3}, 1).to(at::kFloat).requires_grad_();
    const at::Tensor x = values({2, 4, 5, 4, 3}, 2).to(at::kFloat);
    const BlockFunction block = [&](const std::vector<at::Tensor>& in) {
        const at::Tensor y = at::conv3d(in[0], weight, {}, 1, at::IntArrayRef{1});
        EXPECT_EQ(y.scalar_type(), at::kBFloat16);
        return y.to(at::kFloat);
    };
    at::autocast::set_autocast_enabled(at::kCPU, true);
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    at::Tensor y = checkpointed ? activation_checkpoint(block, {x}, {weight}) : block({x});
    y = block({y});
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCPU, false);
    y.square().sum().backward();
    EXPECT_FALSE(at::autocast::is_autocast_enabled(at::kCPU));
    return weight.grad();
}

TEST(ActivationCheckpoint, RunsAgainUnderTheSameAutocast) {
    const at::Tensor expected = gradient_under_autocast(false);
    const at::Tensor actual = gradient_under_autocast(true);
    EXPECT_LE(((expected - actual).norm() / expected.norm()).item<double>(),
              5e-3);  // one bfloat16 sum is ordered differently
}

}  // namespace
}  // namespace vox::nn
