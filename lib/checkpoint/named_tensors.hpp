#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace torch::nn {
class Module;
}

namespace vox::checkpoint {

/// One tensor under the name that it has in a file: a plain parameter name ("down_layers.0.0.weight").
struct NamedTensor {
    std::string name;
    at::Tensor value;
};

/// Names are unique; the order means nothing.
using NamedTensors = std::vector<NamedTensor>;

/// Parameters and buffers of a module: the live tensors, not copies.  What `State::model` takes and `copy_into` fills.
NamedTensors module_state(const torch::nn::Module& module);
NamedTensors module_parameters(const torch::nn::Module& module);
NamedTensors module_buffers(const torch::nn::Module& module);

/// Copies each of `source` into the tensor of the same name in `targets`, in place, whatever the devices and memory
/// formats. Nothing is copied and DataError is thrown unless names, shapes and (unless `any_dtype`) dtypes agree one to
/// one; it lists the names that differ.  `what` stands in front of the message ("model.safetensors of
/// runs/a/checkpoints/step_00000100").
void copy_into(const NamedTensors& targets, const NamedTensors& source, const std::string& what,
               bool any_dtype = false);

/// What `copy_matching` did with tensors, those of `targets` and those of `source`.
struct PartialCopy {
    size_t copied = 0, targets = 0;  // tensors
    int64_t copied_values = 0, target_values = 0;
    std::vector<std::string> missing;  // names of targets that `source` does not have
    std::vector<std::string> different;  // "conv_final.weight [3, 8, 1, 1, 1] where [4, 8, 1, 1, 1] is needed"
    std::vector<std::string> unknown;  // names of `source` that are no target's

    bool is_complete() const { return copied == targets && unknown.empty(); }
    /// "38 of 40 tensors (123 of 456 values) are loaded; 2 of the model keep their initial values: ...", with the first few names
    /// of each kind and how many there are.
    std::string report() const;
};

/// Copies those of `source` whose name and shape a target has, in place, whatever the devices and memory formats; numbers with a
/// point go from any width to any other.  Throws ConfigError, with the first names of both sides, where there is none; `what`
/// stands in front of the message.
PartialCopy copy_matching(const NamedTensors& targets, const NamedTensors& source, const std::string& what);

}  // namespace vox::checkpoint
