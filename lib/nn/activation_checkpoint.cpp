#include "nn/activation_checkpoint.hpp"

#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/engine.h>

#include <array>
#include <utility>

#include "core/error.hpp"
#include "ops/random_scope.hpp"

namespace vox::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

thread_local bool recomputing = false;

/// Sets a variable for the life of the scope.
template <class Value>
class Temporarily {
public:
    Temporarily(Value& variable, Value value) : variable_(variable), before_(std::exchange(variable, value)) {}
    ~Temporarily() { variable_ = before_; }
    Temporarily(const Temporarily&) = delete;
    Temporarily& operator=(const Temporarily&) = delete;

private:
    Value& variable_;
    Value before_;
};

/// Autocast as it is on this thread, for both kinds of device.
struct AutocastState {
    static constexpr std::array devices = {at::kCPU, at::kCUDA};
    std::array<bool, 2> enabled;
    std::array<at::ScalarType, 2> type;
    bool cache;

    static AutocastState current() {
        AutocastState state{};
        for (size_t i = 0; i < devices.size(); ++i) {
            state.enabled[i] = at::autocast::is_autocast_enabled(devices[i]);
            state.type[i] = at::autocast::get_autocast_dtype(devices[i]);
        }
        state.cache = at::autocast::is_autocast_cache_enabled();
        return state;
    }

    void apply() const {
        for (size_t i = 0; i < devices.size(); ++i) {
            at::autocast::set_autocast_enabled(devices[i], enabled[i]);
            at::autocast::set_autocast_dtype(devices[i], type[i]);
        }
        at::autocast::set_autocast_cache_enabled(cache);
    }
};

/// Runs with the given autocast, but without its cache of cast weights: casts made where no gradient is recorded have no
/// gradient, and later uses of the same weight would silently take them.
class AutocastScope {
public:
    explicit AutocastScope(AutocastState state) : before_(AutocastState::current()) {
        state.cache = false;
        state.apply();
    }
    ~AutocastScope() { before_.apply(); }
    AutocastScope(const AutocastScope&) = delete;
    AutocastScope& operator=(const AutocastScope&) = delete;

private:
    AutocastState before_;
};

/// What backward needs to run the block again as it ran the first time.
struct Recipe : torch::CustomClassHolder {
    BlockFunction block;
    size_t inputs = 0;
    ops::RandomState random;
    AutocastState autocast;
};

struct Checkpointed : torch::autograd::Function<Checkpointed> {
    /// `tensors`: the inputs, then the parameters.  No gradient is recorded in here.
    static at::Tensor forward(AutogradContext* context, c10::intrusive_ptr<Recipe> recipe, at::TensorList tensors) {
        context->saved_data["recipe"] = c10::IValue::make_capsule(recipe);
        context->save_for_backward(tensors.vec());
        const AutocastScope autocast(recipe->autocast);
        return recipe->block({tensors.begin(), tensors.begin() + recipe->inputs});
    }

    static variable_list backward(AutogradContext* context, const variable_list& gradients) {
        core::check(!at::GradMode::is_enabled(), "an activation checkpoint has no second derivative");
        const auto recipe = c10::static_intrusive_pointer_cast<Recipe>(context->saved_data["recipe"].toCapsule());
        variable_list tensors = context->get_saved_variables();
        for (size_t i = 0; i < recipe->inputs; ++i) {  // cut off from the outer graph; parameters are leaves already
            tensors[i] = tensors[i].detach().requires_grad_(tensors[i].requires_grad());
        }
        at::Tensor output = run_again(*recipe, tensors);

        variable_list wanted;
        std::vector<size_t> places;
        for (size_t i = 0; i < tensors.size(); ++i) {
            if (!tensors[i].requires_grad() || !context->needs_input_grad(i)) continue;
            wanted.push_back(tensors[i]);
            places.push_back(i);
        }
        variable_list result(tensors.size() + 1);  // the recipe comes first and has no gradient
        if (!output.requires_grad() || wanted.empty()) return result;
        const auto found = gradients_of(std::move(output), gradients[0], wanted);
        for (size_t i = 0; i < places.size(); ++i) result[places[i] + 1] = found[i];
        return result;
    }

    /// As torch::autograd::grad, but the values of `output`, which nobody needs, go before.
    static variable_list gradients_of(at::Tensor output, const at::Tensor& gradient, const variable_list& wanted) {
        const torch::autograd::edge_list roots{torch::autograd::impl::gradient_edge(output)};
        output.reset();
        torch::autograd::edge_list places;
        for (const at::Tensor& tensor : wanted) places.push_back(torch::autograd::impl::gradient_edge(tensor));
        return torch::autograd::Engine::get_default_engine().execute(roots, {gradient}, /*keep_graph=*/false,
                                                                     /*create_graph=*/false,
                                                                     /*accumulate_grad=*/false, places);
    }

    static at::Tensor run_again(const Recipe& recipe, const variable_list& tensors) {
        const Temporarily<bool> flag(recomputing, true);
        const ops::RandomScope random(recipe.random);
        const AutocastScope autocast(recipe.autocast);
        const at::AutoGradMode record(true);
        return recipe.block({tensors.begin(), tensors.begin() + static_cast<int64_t>(recipe.inputs)});
    }
};

}  // namespace

at::Tensor activation_checkpoint(const BlockFunction& block, const std::vector<at::Tensor>& inputs,
                                 const std::vector<at::Tensor>& parameters) {
    if (!at::GradMode::is_enabled()) return block(inputs);
    auto recipe = c10::make_intrusive<Recipe>();
    recipe->block = block;
    recipe->inputs = inputs.size();
    recipe->random = ops::RandomScope::capture();
    recipe->autocast = AutocastState::current();
    std::vector<at::Tensor> tensors = inputs;
    for (const at::Tensor& parameter : parameters) {
        if (parameter.requires_grad()) tensors.push_back(parameter);
    }
    return Checkpointed::apply(recipe, at::TensorList(tensors));
}

bool is_recomputing() { return recomputing; }

}  // namespace vox::nn
