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

}  // namespace vox::checkpoint
