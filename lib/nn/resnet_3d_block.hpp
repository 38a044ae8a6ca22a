#pragma once
// What the 3-D ResNet is built of, under the names of MONAI's blocks.

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "nn/convolution.hpp"
#include "nn/norm.hpp"
#include "nn/resnet_3d_options.hpp"

namespace vox::nn {

/// relu(norm(conv(... relu(norm(conv(x))) ...)) + shortcut(x)) (He et al. 2016): 3x3x3 twice, the first strided, or as a bottleneck
/// 1x1x1, 3x3x3, strided, and 1x1x1 to four times the planes.  Where size or channels change, the shortcut is (B) a strided 1x1x1
/// convolution and a normalisation or (A) the voxels that the stride leaves, with channels of zeros behind; else x itself.
///
/// Shortcut A passes its gradient on, as the paper's does.  MONAI's gives the same values and takes them out of the graph.
class ResNet3dBlock : public torch::nn::Module {
public:
    struct Shape {
        int64_t in_channels;
        int64_t planes;
        int64_t stride = 1;
    };
    /// `options` say which of the above; they have no problem.
    ResNet3dBlock(const Shape& shape, const ResNet3dOptions& options, comm::Communicator* communicator,
                  WeightSource& weights);
    /// [B,I,D,H,W] -> [B,planes or 4 planes,D/stride,H/stride,W/stride], sizes rounded up.
    at::Tensor forward(const at::Tensor& x) const;

private:
    struct Unit {
        std::shared_ptr<Conv3d> conv;
        std::shared_ptr<Norm> norm;
        at::Tensor forward(const at::Tensor& x) const { return norm->forward(conv->forward(x)); }
    };
    at::Tensor shortcut(const at::Tensor& x) const;

    int64_t stride_;
    int64_t more_channels_ = 0;  // of shortcut A
    std::vector<Unit> units_;
    Unit downsample_;  // shortcut B; null pointers where there is none
};

}  // namespace vox::nn
