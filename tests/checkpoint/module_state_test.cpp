#include <torch/nn/module.h>

#include "checkpoint/fixtures.hpp"
#include "checkpoint/safetensors.hpp"

namespace vox::checkpoint {
namespace {

using namespace test;

struct Inner : torch::nn::Module {
    Inner() {
        register_parameter("weight", ramp({2, 3}, 1));
        register_buffer("running_mean", ramp({3}, 5));
    }
};

struct Outer : torch::nn::Module {
    Outer() {
        register_parameter("scale", ramp({4}, 2));
        register_module("inner", std::make_shared<Inner>());
    }
};

TEST(ModuleState, HoldsParametersAndBuffersUnderPlainNamesAndFillsAnotherModule) {
    const ScratchFolder scratch;
    const Outer module;
    expect_same(module_parameters(module), {{"scale", ramp({4}, 2)}, {"inner.weight", ramp({2, 3}, 1)}});
    expect_same(module_buffers(module), {{"inner.running_mean", ramp({3}, 5)}});
    for (const auto& tensor : module_parameters(module)) tensor.value.detach().mul_(3);  // live, not copies
    write_safetensors(scratch.path() / "weights", module_state(module));

    const Outer other;
    copy_into(module_state(other), read_safetensors(scratch.path() / "weights").tensors, "weights");
    expect_same(module_state(other), module_state(module));
    EXPECT_TRUE(at::equal(other.parameters()[0], ramp({4}, 2).mul(3)));
    EXPECT_TRUE(other.parameters()[0].requires_grad());
}

}  // namespace
}  // namespace vox::checkpoint
