#pragma once
// What the residual U-Net is built of, under the names of MONAI's blocks.

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "nn/convolution.hpp"
#include "nn/dropout.hpp"
#include "nn/norm.hpp"
#include "nn/options.hpp"
#include "nn/prelu.hpp"

namespace vox::nn {

/// Convolution, normalisation, dropout of single values, PReLU; or the convolution alone.  Children `conv`, and in `adn` the
/// others as `N` and `A`.
class ConvUnit : public torch::nn::Module {
public:
    enum class Kind { whole, convolution_only };
    ConvUnit(const Conv3d::Shape& shape, Kind kind, const ModelOptions& options, comm::Communicator* communicator,
             WeightSource& weights);
    /// [B,I,D,H,W] -> [B,O,...], sizes as Conv3d.
    at::Tensor forward(const at::Tensor& x) const;

private:
    std::shared_ptr<Conv3d> conv_;
    std::shared_ptr<Norm> norm_;  // null, and so are those below: the convolution alone
    std::shared_ptr<Dropout> dropout_;
    std::shared_ptr<PReLU> activation_;
};

/// units(x) + shortcut(x) (He et al. 2016): the first unit strides, and so does the shortcut, a convolution where size or
/// channels change (1x1x1 where only the channels do), else x itself.  Children `conv.unit0`, `conv.unit1`, ..., `residual`.
class ResidualUnit : public torch::nn::Module {
public:
    struct Shape {
        int64_t in_channels, out_channels;
        int64_t stride = 1;
        int64_t units = 1;
        ConvUnit::Kind last = ConvUnit::Kind::whole;
    };
    ResidualUnit(const Shape& shape, const ModelOptions& options, comm::Communicator* communicator,
                 WeightSource& weights);
    /// [B,I,D,H,W] -> [B,O,D/stride,H/stride,W/stride], sizes rounded up.
    at::Tensor forward(const at::Tensor& x) const;

private:
    std::vector<std::shared_ptr<ConvUnit>> units_;
    std::shared_ptr<Conv3d> shortcut_;  // null: x itself
};

}  // namespace vox::nn
