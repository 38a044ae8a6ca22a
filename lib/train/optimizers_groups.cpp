#include "train/optimizers_groups.hpp"

#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::train {

using checkpoint::NamedTensors;

namespace {

/// The fused kernels walk raw memory: a gradient must lie as its parameter does.
at::Tensor in_layout_of(const at::Tensor& parameter, const at::Tensor& gradient) {
    if (gradient.strides() == parameter.strides() && gradient.scalar_type() == parameter.scalar_type()) return gradient;
    const at::Tensor copy = at::empty_like(parameter);
    copy.copy_(gradient);
    return copy;
}

}  // namespace

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

Tensors numbers_beside(const Tensors& tensors, std::optional<at::ScalarType> dtype) {
    Tensors result;
    for (const auto& tensor : tensors) {
        const auto type = dtype.value_or(tensor.scalar_type());
        result.push_back(at::zeros({}, at::TensorOptions(type).device(tensor.device())));
    }
    return result;
}

std::vector<size_t> with_gradient(const Group& group) {
    std::vector<size_t> rows;
    for (size_t i = 0; i < group.parameters.size(); ++i)
        if (group.parameters[i].grad().defined()) rows.push_back(i);
    return rows;
}

Tensors pick(const Tensors& tensors, const std::vector<size_t>& rows) {
    Tensors result;
    if (!tensors.empty())
        for (const size_t i : rows) result.push_back(tensors[i]);
    return result;
}

Tensors gradients_of(const Tensors& parameters) {
    Tensors result;
    for (const auto& parameter : parameters) result.push_back(in_layout_of(parameter, parameter.grad()));
    return result;
}

void add_named(NamedTensors& state, const char* kind, const Group& group, const Tensors& tensors) {
    for (size_t i = 0; i < tensors.size(); ++i) state.push_back({core::concat(kind, '.', group.names[i]), tensors[i]});
}

}  // namespace vox::train
