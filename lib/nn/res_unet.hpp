#pragma once
// The residual U-Net (Kerfoot et al., "Left-ventricle quantification using residual U-Net", 2018) in the variant of MONAI 1.6:
// parameter and buffer names, order and shapes equal its state_dict one to one.

#include <memory>
#include <vector>

#include "nn/convolution.hpp"
#include "nn/model.hpp"
#include "nn/options.hpp"
#include "nn/residual_unit.hpp"

namespace vox::nn {

/// Every level of the encoder is a residual unit, whose stride makes the volume smaller; below the last one the bottom keeps
/// the size.  The decoder joins the encoder's output with what comes from below, channel by channel, enlarges it by a
/// transposed convolution and refines it by a short residual unit.  With activation checkpointing each of these blocks
/// forgets its activations, the joined channels included.
class ResUNet : public Model {
public:
    /// Throws ConfigError where the options do not fit together.
    ResUNet(const ModelOptions& options, const ModelContext& context);

    at::Tensor forward(const at::Tensor& volume) override;
    /// The product of all strides: 32 in the published network.
    int64_t size_divisor() const override;

private:
    struct Up {
        std::shared_ptr<ConvUnit> enlarge;
        std::shared_ptr<ResidualUnit> refine;
    };
    /// Level `level` and all below it as children "0" (down), "1" (below) and "2" (up) of `parent`.
    void build_level(torch::nn::Module& parent, size_t level, int64_t in_channels, int64_t out_channels,
                     WeightSource& weights);
    std::shared_ptr<ResidualUnit> make_unit(ResidualUnit::Shape shape, WeightSource& weights) const;
    Up build_up(torch::nn::Module& parent, size_t level, int64_t in_channels, int64_t out_channels,
                WeightSource& weights) const;
    at::Tensor run_down(ResidualUnit& unit, const at::Tensor& x) const;
    at::Tensor run_up(const Up& up, const at::Tensor& skip, const at::Tensor& below) const;

    ModelOptions options_;
    ModelContext context_;
    std::vector<std::shared_ptr<ResidualUnit>> down_;
    std::shared_ptr<ResidualUnit> bottom_;
    std::vector<Up> up_;  // from the deepest level
};

}  // namespace vox::nn
