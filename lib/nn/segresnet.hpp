#pragma once
// SegResNet (Myronenko, "3D MRI brain tumor segmentation using autoencoder regularization", 2018), without the autoencoder
// branch, in the variant of MONAI 1.6: parameter and buffer names, order and shapes equal its state_dict one to one.

#include <memory>
#include <vector>

#include "nn/convolution.hpp"
#include "nn/dropout.hpp"
#include "nn/model.hpp"
#include "nn/norm.hpp"
#include "nn/options.hpp"
#include "nn/res_block.hpp"

namespace vox::nn {

/// An encoder of residual blocks that halves the size and doubles the channels at every level, and a decoder that brings them
/// back with trilinear upsampling and adds the encoder's output of the same size.
class SegResNet : public Model {
public:
    /// Throws ConfigError where the options do not fit together (groups that do not divide the channels, ...).
    SegResNet(const ModelOptions& options, const ModelContext& context);

    at::Tensor forward(const at::Tensor& volume) override;
    int64_t size_divisor() const override { return options_.size_divisor(); }

private:
    struct Level {
        std::shared_ptr<Convolution> entry;  // strided on the way down, 1x1x1 on the way up; null at full size
        std::vector<std::shared_ptr<ResBlock>> blocks;
    };
    void build_encoder(WeightSource& weights);
    void build_decoder(WeightSource& weights);
    void build_output(WeightSource& weights);
    /// `count` blocks as children "first_name", "first_name + 1", ... of `parent`.
    std::vector<std::shared_ptr<ResBlock>> add_blocks(torch::nn::Module& parent, int64_t first_name, int64_t count,
                                                      int64_t channels, WeightSource& weights);
    at::Tensor run_blocks(const Level& level, at::Tensor x) const;

    ModelOptions options_;
    ModelContext context_;
    std::shared_ptr<Convolution> first_, last_;
    std::shared_ptr<Dropout> dropout_;
    std::vector<Level> down_, up_;  // up_ from the deepest level
    std::shared_ptr<Norm> last_norm_;
};

}  // namespace vox::nn
