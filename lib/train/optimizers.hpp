#pragma once
// Optimizers on ATen's fused and foreach kernels: all parameters of a group in one call, on CPU and GPU, fp32 and fp64.

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/named_tensors.hpp"
#include "config/section.hpp"

namespace vox::train {

/// How the weights move.
struct OptimizerOptions {
    std::string name = "adamw";
    double lr = 1e-4;
    double weight_decay = 1e-5;
    std::vector<double> betas = {0.9, 0.999};  // of adamw and adam; `read` begins with {0.9, 0.98} for novograd
    double eps = 1e-8;
    bool amsgrad = false;
    double momentum = 0.99;
    bool nesterov = true;
    bool decay_norm_and_bias = false;

    void read(config::Section& section);
};

/// What a schedule says of one step.  A plain learning rate will do where the momentum is not cycled.
struct StepRates {
    StepRates(double learning_rate, std::optional<double> step_momentum = std::nullopt)
        : lr(learning_rate), momentum(step_momentum) {}
    double lr;
    /// Instead of the options': betas[0] of adamw, adam and novograd, momentum of sgd (but sgd that has none stays so).
    std::optional<double> momentum;
};

/// Updates parameters in place from their gradients.  Any rank, no communication: equal gradients give equal weights.
class Optimizer {
public:
    virtual ~Optimizer() = default;

    /// One update.  Parameters without a gradient stay as they are, without decay.  Does not touch the gradients: whoever
    /// owns their memory clears them.
    virtual void step(const StepRates& rates) = 0;

    /// The live state, named "exp_avg.<parameter>", "exp_avg_sq.<parameter>": what a checkpoint stores.
    virtual checkpoint::NamedTensors state() const = 0;

    /// Copies a stored state into this one.  Throws DataError listing the names that do not fit.
    void load_state(const checkpoint::NamedTensors& stored);
};

/// `parameters` are those that train now; they must be dense and keep their memory while the optimizer lives.
std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options, const checkpoint::NamedTensors& parameters);

}  // namespace vox::train
