#pragma once
// From maps of X-ray views to the volume that they were taken of.
//
// Volumes are [B,C,D,H,W] on RAS grids: D towards the head, H to the front, W to the patient's right.  Rows of a view go from the
// head down.  ap looks along H from the front, its columns go from the patient's right to the left; lateral looks along W from the
// right, its columns go from the front to the back.  So depth 0, which is next to the source, is the front or the right, and rows,
// columns and depths all run against the volume's axes.

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "nn/convolution_2d.hpp"
#include "nn/norm.hpp"
#include "ops/view.hpp"

namespace vox::nn {

/// gains [3] -> [depths] of the same dtype: how likely a depth is at all, sigmoid(gain) in each of three ranges, the first
/// quarter from the source (ap: anterior), the middle half and the last quarter (ap: posterior).  Ranges pass into each other
/// along sigmoids; where the gains are equal the prior is constant.
at::Tensor depth_prior(const at::Tensor& gains, int64_t depths);

/// logits [B,depths,h,w], prior [depths], positive -> [B,depths,h,w]: softmax over depths times the prior, which sums to 1 again.
at::Tensor depth_distribution(const at::Tensor& logits, const at::Tensor& prior);

/// maps [B,C,rows,columns] and distribution [B,depths,rows,columns] -> [B,C,D,H,W]: along its ray each value of a map stands at
/// every depth times the share that the distribution has there.  D is rows; ap: H is depths, W columns; lateral: H is columns,
/// W depths.
at::Tensor lift(const at::Tensor& maps, const at::Tensor& distribution, ops::View view);

/// Maps of all views, each lifted along its own axis, added up.  The depths of a ray are told from the map around it; their number
/// times the distribution is the factor, so that a distribution that knows nothing gives the plain back projection.
class DepthLifting : public torch::nn::Module {
public:
    struct Shape {
        int64_t in_channels;
        int64_t num_views;  // 1: ap; 2: ap, lateral
        std::array<int64_t, 3> volume_size;  // D, H, W
        int64_t out_channels;
    };
    DepthLifting(const Shape& shape, WeightSource& weights);
    /// maps [B,V,I,h,w] -> [B,O,D,H,W]; maps and distributions are interpolated to the volume's size.  B may be 0.
    at::Tensor forward(const at::Tensor& maps) const;

private:
    struct View {
        ops::View view;
        std::shared_ptr<Conv2d> head;  // to as many channels as the view has depths
        at::Tensor gains;  // [3]
    };
    at::Tensor lift_view(const View& view, const at::Tensor& maps) const;

    Shape shape_;
    std::shared_ptr<Conv2d> conv1_, conv2_, values_;
    std::shared_ptr<Norm> norm1_, norm2_;
    std::vector<View> views_;
};

}  // namespace vox::nn
