#include "nn/linear.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>

namespace vox::nn {

Linear::Linear(int64_t in_features, int64_t out_features, WeightSource& weights) {
    weight_ = register_parameter("weight", at::empty({out_features, in_features}));
    bias_ = register_parameter("bias", at::empty({out_features}));
    weights.fill(weight_, in_features);
    weights.fill(bias_, in_features);
}

at::Tensor Linear::forward(const at::Tensor& x) const { return at::linear(x, weight_, bias_); }

}  // namespace vox::nn
