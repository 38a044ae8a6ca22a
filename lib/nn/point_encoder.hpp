#pragma once
// Places as vectors: of the tokens of an image, and of the points and boxes that a prompt shows.

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <array>
#include <cstdint>
#include <memory>

#include "nn/linear.hpp"

namespace vox::nn {

/// Sines and cosines of random frequencies (Tancik et al., "Fourier features let networks learn high frequency functions in low
/// dimensional domains", 2020), which Segment Anything tells places by: sin(2 pi (2 p - 1) F), then the cosines.  Buffer
/// `frequencies` F [3,channels/2], standard normal; not trained.
class FourierFeatures : public torch::nn::Module {
public:
    /// `channels` is even, else InternalError.
    FourierFeatures(int64_t channels, WeightSource& weights);
    /// points [...,3]: D,H,W in parts of the volume, 0 to 1, any floating type -> [...,channels] of the buffer's type.
    at::Tensor of_points(const at::Tensor& points) const;
    /// The middles of a grid's voxels -> [D*H*W,channels], W fastest.
    at::Tensor of_grid(const std::array<int64_t, 3>& size) const;

private:
    at::Tensor frequencies_;
};

/// What a point of a prompt is.
enum class PointKind : int64_t {
    none = -1,  // fills a row
    outside = 0,  // of what is to be segmented
    inside = 1,
    box_low = 2,  // the corner of smallest D, H, W
    box_high = 3,
};

/// The points of a prompt as tokens, as in Segment Anything (Kirillov et al. 2023): the place's Fourier features and a trained vector
/// of the kind, added.  Parameter `kinds` [4,channels].
class PointEncoder : public torch::nn::Module {
public:
    PointEncoder(int64_t channels, WeightSource& weights);
    /// points [B,P,3] as FourierFeatures takes them; kinds [B,P] int64, values of PointKind -> [B,P,channels]; the values of `none`
    /// are those of any point and mean nothing.  B and P may be 0.  `places` are the features that the image's tokens have too.
    at::Tensor forward(const at::Tensor& points, const at::Tensor& kinds, const FourierFeatures& places) const;

private:
    at::Tensor kinds_;
};

}  // namespace vox::nn
