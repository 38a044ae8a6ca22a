#include "nn/conv_norm_relu.hpp"

#include <utility>

namespace vox::nn {

ConvNormRelu::ConvNormRelu(const Conv3d::Shape& shape, std::shared_ptr<Norm> norm, WeightSource& weights)
    : conv_(register_module("conv", std::make_shared<Conv3d>(shape, weights))),
      norm_(register_module("norm", std::move(norm))) {}

}  // namespace vox::nn
