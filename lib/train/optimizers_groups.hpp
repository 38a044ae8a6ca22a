#pragma once
// What the optimizers have in common: parameters grouped for one kernel call, and lists of tensors beside them.

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "train/optimizers.hpp"

namespace vox::train {

using Tensors = std::vector<at::Tensor>;

/// Parameters that one kernel call updates: one dtype, one device, one weight decay.
struct Group {
    double weight_decay = 0;
    std::vector<std::string> names;
    Tensors parameters;
};

/// Throws InternalError for a parameter with gaps in memory.
std::vector<Group> make_groups(const OptimizerOptions& options, const checkpoint::NamedTensors& parameters);

/// State of a parameter's size, in its layout.
Tensors zeros_beside(const Tensors& tensors);

/// State of one number a parameter, in `dtype` or, without it, in the parameter's own.
Tensors numbers_beside(const Tensors& tensors, std::optional<at::ScalarType> dtype = std::nullopt);

/// Which parameters of the group have a gradient.
std::vector<size_t> with_gradient(const Group& group);

/// Those of the tensors; none out of none, where an optimizer does without that kind of state.
Tensors pick(const Tensors& tensors, const std::vector<size_t>& rows);

/// Each in the layout and dtype of its parameter.
Tensors gradients_of(const Tensors& parameters);

/// Adds "<kind>.<parameter>" for each of the group.
void add_named(checkpoint::NamedTensors& state, const char* kind, const Group& group, const Tensors& tensors);

}  // namespace vox::train
