#pragma once
// NovoGrad (Ginsburg et al., "Stochastic gradient methods with layer-wise adaptive moments", 2019), as MONAI's Novograd.

#include <vector>

#include "train/optimizers_groups.hpp"

namespace vox::train {

/// For each parameter p with gradient g, v being one number:
///   v = |g|^2 at first, then beta2 v + (1 - beta2) |g|^2;   m = beta1 m + g / (sqrt(v) + eps) + weight_decay p;   p = p - lr m.
/// `amsgrad` divides by the largest v so far.  v is kept in the dtype of the parameter (MONAI: always torch's default dtype).
class Novograd : public Optimizer {
public:
    Novograd(const OptimizerOptions& options, const checkpoint::NamedTensors& parameters);

    void step(const StepRates& rates) override;
    checkpoint::NamedTensors state() const override;

private:
    struct Slots {
        Group group;
        Tensors exp_avg, exp_avg_sq, max_exp_avg_sq;  // m, v, and the largest v where amsgrad asks for it
    };

    Tensors divisors(const Slots& slots, const std::vector<size_t>& rows, const Tensors& gradients) const;

    OptimizerOptions options_;
    std::vector<Slots> slots_;
};

}  // namespace vox::train
