#include "nn/res_block.hpp"

namespace vox::nn {

ResBlock::ResBlock(int64_t channels, const ModelOptions& options, comm::Communicator* communicator,
                   WeightSource& weights) {
    const Convolution::Shape shape{.in_channels = channels, .out_channels = channels};
    norm1_ = register_module("norm1", make_norm(options.norm, channels, options.norm_groups, communicator));
    norm2_ = register_module("norm2", make_norm(options.norm, channels, options.norm_groups, communicator));
    conv1_ = register_module("conv1", std::make_shared<Convolution>(shape, weights));
    conv2_ = register_module("conv2", std::make_shared<Convolution>(shape, weights));
}

at::Tensor ResBlock::forward(const at::Tensor& x) const {
    // In place where autograd does not need the value that is overwritten: a convolution's output, a normalisation's output.
    auto y = conv1_->forward(norm1_->forward(x).relu_());
    y = conv2_->forward(norm2_->forward(y).relu_());
    return y.add_(x);
}

}  // namespace vox::nn
