#include "nn/prelu.hpp"

#include <ATen/ops/full.h>
#include <ATen/ops/prelu.h>

namespace vox::nn {

PReLU::PReLU() : weight_(register_parameter("weight", at::full({1}, 0.25))) {}

// ATen wants both in one dtype, and under autocast a volume comes in half precision.
at::Tensor PReLU::forward(const at::Tensor& x) const { return at::prelu(x, weight_.to(x.scalar_type())); }

}  // namespace vox::nn
