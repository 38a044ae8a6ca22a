#include "train/optimizers.hpp"

#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::train {
namespace {

using checkpoint::NamedTensors;
using Tensors = std::vector<at::Tensor>;

/// The fused kernels walk raw memory: a gradient must lie as its parameter does.
at::Tensor in_layout_of(const at::Tensor& parameter, const at::Tensor& gradient) {
    if (gradient.strides() == parameter.strides() && gradient.scalar_type() == parameter.scalar_type()) return gradient;
    const at::Tensor copy = at::empty_like(parameter);
    copy.copy_(gradient);
    return copy;
}

/// Parameters that one kernel call updates: one dtype, one device, one weight decay.
struct Group {
    double weight_decay = 0;
    std::vector<std::string> names;
    Tensors parameters;
};

std::vector<Group> make_groups(const OptimizerOptions& options, const NamedTensors& parameters) {
    std::vector<Group> groups;
    for (const auto& [name, value] : parameters) {
        core::check(value.is_non_overlapping_and_dense(), core::concat("parameter '", name, "' has gaps in memory"));
        // Weights of normalisations and all biases are vectors; everything with a kernel or a matrix is not.
        const double decay = value.dim() <= 1 && !options.decay_norm_and_bias ? 0 : options.weight_decay;
        auto fits = [&](const Group& group) {
            const at::Tensor& other = group.parameters.front();
            return group.weight_decay == decay && other.scalar_type() == value.scalar_type() &&
                   other.device() == value.device();
        };
        auto found = std::find_if(groups.begin(), groups.end(), fits);
        if (found == groups.end()) found = groups.insert(groups.end(), Group{decay, {}, {}});
        found->names.push_back(name);
        found->parameters.push_back(value);
    }
    return groups;
}

Tensors zeros_beside(const Tensors& tensors) {
    Tensors result;
    for (const auto& tensor : tensors) result.push_back(at::zeros_like(tensor.detach()));
    return result;
}

void add_named(NamedTensors& state, const char* kind, const Group& group, const Tensors& tensors) {
    for (size_t i = 0; i < tensors.size(); ++i) state.push_back({core::concat(kind, '.', group.names[i]), tensors[i]});
}

/// AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019), as torch.optim.AdamW computes it.
class AdamW : public Optimizer {
public:
    AdamW(const OptimizerOptions& options, const NamedTensors& parameters) : options_(options) {
        for (auto& group : make_groups(options, parameters)) {
            Slots slots{std::move(group), {}, {}, {}};
            slots.exp_avg = zeros_beside(slots.group.parameters);
            slots.exp_avg_sq = zeros_beside(slots.group.parameters);
            for (const auto& parameter : slots.group.parameters) {
                // Always fp32, as the kernels expect; it counts exactly up to 2^24 steps.
                slots.step.push_back(at::zeros({}, at::TensorOptions(at::kFloat).device(parameter.device())));
            }
            slots_.push_back(std::move(slots));
        }
    }

    void step(double lr) override {
        const c10::NoGradGuard no_grad;
        for (auto& slots : slots_) {
            Tensors parameters, gradients, exp_avg, exp_avg_sq, steps;
            for (size_t i = 0; i < slots.group.parameters.size(); ++i) {
                const at::Tensor& parameter = slots.group.parameters[i];
                if (!parameter.grad().defined()) continue;
                parameters.push_back(parameter);
                gradients.push_back(in_layout_of(parameter, parameter.grad()));
                exp_avg.push_back(slots.exp_avg[i]);
                exp_avg_sq.push_back(slots.exp_avg_sq[i]);
                steps.push_back(slots.step[i]);
            }
            if (parameters.empty()) continue;
            at::_foreach_add_(steps, 1);
            at::_fused_adamw_(parameters, gradients, exp_avg, exp_avg_sq, {}, steps, lr, options_.betas[0],
                              options_.betas[1], slots.group.weight_decay, options_.eps, /*amsgrad=*/false,
                              /*maximize=*/false);
        }
    }

    NamedTensors state() const override {
        NamedTensors state;
        for (const auto& slots : slots_) {
            add_named(state, "exp_avg", slots.group, slots.exp_avg);
            add_named(state, "exp_avg_sq", slots.group, slots.exp_avg_sq);
            add_named(state, "step", slots.group, slots.step);
        }
        return state;
    }

private:
    struct Slots {
        Group group;
        Tensors exp_avg, exp_avg_sq, step;
    };
    OptimizerOptions options_;
    std::vector<Slots> slots_;
};

/// SGD with (Nesterov) momentum, as torch.optim.SGD computes it.  A momentum buffer of zeros makes the first step what
/// torch's special case of it is.
class Sgd : public Optimizer {
public:
    Sgd(const OptimizerOptions& options, const NamedTensors& parameters) : options_(options) {
        for (auto& group : make_groups(options, parameters)) {
            Tensors momentum = options.momentum > 0 ? zeros_beside(group.parameters) : Tensors{};
            slots_.push_back({std::move(group), std::move(momentum)});
        }
    }

    void step(double lr) override {
        const c10::NoGradGuard no_grad;
        for (auto& slots : slots_) {
            Tensors parameters, gradients, momentum;
            for (size_t i = 0; i < slots.group.parameters.size(); ++i) {
                const at::Tensor& parameter = slots.group.parameters[i];
                if (!parameter.grad().defined()) continue;
                parameters.push_back(parameter);
                gradients.push_back(in_layout_of(parameter, parameter.grad()));
                if (!slots.momentum.empty()) momentum.push_back(slots.momentum[i]);
            }
            if (parameters.empty()) continue;
            at::_fused_sgd_(parameters, gradients, momentum, slots.group.weight_decay, options_.momentum, lr,
                            /*dampening=*/0, options_.nesterov && options_.momentum > 0, /*maximize=*/false,
                            /*is_first_step=*/false);
        }
    }

    NamedTensors state() const override {
        NamedTensors state;
        for (const auto& slots : slots_) add_named(state, "momentum", slots.group, slots.momentum);
        return state;
    }

private:
    struct Slots {
        Group group;
        Tensors momentum;
    };
    OptimizerOptions options_;
    std::vector<Slots> slots_;
};

}  // namespace

void OptimizerOptions::read(config::Section& section) {
    section.choice("name", name, {"adamw", "sgd"}, "how the weights move");
    section.value("lr", lr, "peak learning rate, before lr_scaling");
    section.value("weight_decay", weight_decay, "adamw: decoupled; sgd: added to the gradient");
    section.value("betas", betas, "adamw: decay of the gradient's mean and of its square's");
    section.value("eps", eps, "adamw: added to the root of the mean square");
    section.value("momentum", momentum, "sgd: 0 to below 1");
    section.value("nesterov", nesterov, "sgd: look ahead along the momentum");
    section.value("decay_norm_and_bias", decay_norm_and_bias,
                  "let weight_decay also pull on normalisation weights and biases");
    section.require(lr > 0, "lr must be above 0");
    section.require(weight_decay >= 0, "weight_decay must be 0 or more");
    section.require(betas.size() == 2 && betas[0] >= 0 && betas[0] < 1 && betas[1] >= 0 && betas[1] < 1,
                    "betas must be two numbers from 0 to below 1");
    section.require(eps > 0, "eps must be above 0");
    section.require(momentum >= 0 && momentum < 1, "momentum must be from 0 to below 1");
}

void Optimizer::load_state(const NamedTensors& stored) {
    checkpoint::copy_into(state(), stored, "the optimizer's stored state");
}

std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options, const NamedTensors& parameters) {
    if (options.name == "adamw") return std::make_unique<AdamW>(options, parameters);
    if (options.name == "sgd") return std::make_unique<Sgd>(options, parameters);
    throw core::InternalError(core::concat("no optimizer is named '", options.name, "'"));
}

}  // namespace vox::train
