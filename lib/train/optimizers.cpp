#include "train/optimizers.hpp"

#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>
#include <c10/core/GradMode.h>

#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "train/optimizers_groups.hpp"
#include "train/optimizers_novograd.hpp"

namespace vox::train {
namespace {

using checkpoint::NamedTensors;

/// AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019) and Adam (Kingma and Ba, ICLR 2015), where
/// weight decay is part of the gradient, as torch.optim computes them; `amsgrad` after Reddi et al., ICLR 2018.
class Adam : public Optimizer {
public:
    Adam(const OptimizerOptions& options, const NamedTensors& parameters) : options_(options) {
        for (auto& group : make_groups(options, parameters)) {
            Slots slots{std::move(group), {}, {}, {}, {}};
            slots.exp_avg = zeros_beside(slots.group.parameters);
            slots.exp_avg_sq = zeros_beside(slots.group.parameters);
            if (options.amsgrad) slots.max_exp_avg_sq = zeros_beside(slots.group.parameters);
            // Always fp32, as the kernels expect; it counts exactly up to 2^24 steps.
            slots.step = numbers_beside(slots.group.parameters, at::kFloat);
            slots_.push_back(std::move(slots));
        }
    }

    void step(const StepRates& rates) override {
        const c10::NoGradGuard no_grad;
        const double beta1 = rates.momentum.value_or(options_.betas[0]);
        const bool decoupled = options_.name == "adamw";
        for (auto& slots : slots_) {
            const auto rows = with_gradient(slots.group);
            if (rows.empty()) continue;
            const Tensors parameters = pick(slots.group.parameters, rows), gradients = gradients_of(parameters);
            const Tensors exp_avg = pick(slots.exp_avg, rows), exp_avg_sq = pick(slots.exp_avg_sq, rows);
            const Tensors maxima = pick(slots.max_exp_avg_sq, rows), steps = pick(slots.step, rows);
            at::_foreach_add_(steps, 1);
            const auto update = [&](auto kernel) {
                kernel(parameters, gradients, exp_avg, exp_avg_sq, maxima, steps, rates.lr, beta1, options_.betas[1],
                       slots.group.weight_decay, options_.eps, options_.amsgrad, /*maximize=*/false);
            };
            if (decoupled)
                update([](const auto&... arguments) { at::_fused_adamw_(arguments...); });
            else
                update([](const auto&... arguments) { at::_fused_adam_(arguments...); });
        }
    }

    NamedTensors state() const override {
        NamedTensors state;
        for (const auto& slots : slots_) {
            add_named(state, "exp_avg", slots.group, slots.exp_avg);
            add_named(state, "exp_avg_sq", slots.group, slots.exp_avg_sq);
            add_named(state, "max_exp_avg_sq", slots.group, slots.max_exp_avg_sq);
            add_named(state, "step", slots.group, slots.step);
        }
        return state;
    }

private:
    struct Slots {
        Group group;
        Tensors exp_avg, exp_avg_sq, max_exp_avg_sq, step;
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

    void step(const StepRates& rates) override {
        const c10::NoGradGuard no_grad;
        const bool has_momentum = options_.momentum > 0;
        const double factor = has_momentum ? rates.momentum.value_or(options_.momentum) : 0.0;
        for (auto& slots : slots_) {
            const auto rows = with_gradient(slots.group);
            if (rows.empty()) continue;
            const Tensors parameters = pick(slots.group.parameters, rows);
            at::_fused_sgd_(parameters, gradients_of(parameters), pick(slots.momentum, rows), slots.group.weight_decay,
                            factor, rates.lr, /*dampening=*/0, options_.nesterov && has_momentum, /*maximize=*/false,
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
    section.choice("name", name, {"adamw", "adam", "novograd", "sgd"}, "how the weights move");
    if (name == "novograd") betas = {0.9, 0.98};
    section.value("lr", lr, "peak learning rate, before lr_scaling");
    section.value("weight_decay", weight_decay,
                  "adamw: decoupled; adam, sgd: added to the gradient; novograd: added to the normalised gradient");
    section.value("betas", betas,
                  "adamw, adam, novograd: decay of the gradient's mean and of its square's; "
                  "novograd's default is [0.9, 0.98]");
    section.value("eps", eps, "adamw, adam, novograd: added to the root of the mean square");
    section.value("amsgrad", amsgrad, "adamw, adam, novograd: divide by the largest mean square so far");
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
    if (options.name == "adamw" || options.name == "adam") return std::make_unique<Adam>(options, parameters);
    if (options.name == "novograd") return std::make_unique<Novograd>(options, parameters);
    if (options.name == "sgd") return std::make_unique<Sgd>(options, parameters);
    throw core::InternalError(core::concat("no optimizer is named '", options.name, "'"));
}

}  // namespace vox::train
