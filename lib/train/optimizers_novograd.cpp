#include "train/optimizers_novograd.hpp"

#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_copy.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <c10/core/GradMode.h>

#include <utility>

namespace vox::train {

Novograd::Novograd(const OptimizerOptions& options, const checkpoint::NamedTensors& parameters) : options_(options) {
    for (auto& group : make_groups(options, parameters)) {
        Slots slots{std::move(group), {}, {}, {}};
        slots.exp_avg = zeros_beside(slots.group.parameters);
        slots.exp_avg_sq = numbers_beside(slots.group.parameters);
        if (options.amsgrad) slots.max_exp_avg_sq = numbers_beside(slots.group.parameters);
        slots_.push_back(std::move(slots));
    }
}

void Novograd::step(const StepRates& rates) {
    const c10::NoGradGuard no_grad;
    for (auto& slots : slots_) {
        const auto rows = with_gradient(slots.group);
        if (rows.empty()) continue;
        const Tensors parameters = pick(slots.group.parameters, rows), gradients = gradients_of(parameters);
        const Tensors divide_by = divisors(slots, rows, gradients), exp_avg = pick(slots.exp_avg, rows);
        at::_foreach_mul_(exp_avg, rates.momentum.value_or(options_.betas[0]));
        for (size_t i = 0; i < rows.size(); ++i) exp_avg[i].addcdiv_(gradients[i], divide_by[i]);
        if (slots.group.weight_decay > 0) at::_foreach_add_(exp_avg, parameters, slots.group.weight_decay);
        at::_foreach_add_(parameters, exp_avg, -rates.lr);
    }
}

/// Moves v on; returns what each gradient is divided by.  All on the device: asking whether v is still 0 would hold a GPU up.
Tensors Novograd::divisors(const Slots& slots, const std::vector<size_t>& rows, const Tensors& gradients) const {
    const Tensors exp_avg_sq = pick(slots.exp_avg_sq, rows);
    at::Tensor v = at::stack(exp_avg_sq);
    const at::Tensor squares = at::stack(at::_foreach_norm(gradients, 2, at::kDouble)).square().to(v.scalar_type());
    const double beta2 = options_.betas[1];
    v = at::where(v.eq(0), squares, v.mul(beta2).add(squares, 1 - beta2));
    at::_foreach_copy_(exp_avg_sq, v.unbind());
    if (options_.amsgrad) {
        const Tensors maxima = pick(slots.max_exp_avg_sq, rows);
        v = at::maximum(at::stack(maxima), v);
        at::_foreach_copy_(maxima, v.unbind());
    }
    return v.sqrt().add(options_.eps).unbind();
}

checkpoint::NamedTensors Novograd::state() const {
    checkpoint::NamedTensors state;
    for (const auto& slots : slots_) {
        add_named(state, "exp_avg", slots.group, slots.exp_avg);
        add_named(state, "exp_avg_sq", slots.group, slots.exp_avg_sq);
        add_named(state, "max_exp_avg_sq", slots.group, slots.max_exp_avg_sq);
    }
    return state;
}

}  // namespace vox::train
