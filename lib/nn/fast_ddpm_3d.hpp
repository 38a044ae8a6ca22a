#pragma once
// The network of Fast-DDPM (Jiang et al. 2024) in three dimensions: the U-Net of DDIM (Song et al. 2021) with convolutions over
// volumes.  Parameter names, order and shapes equal the published program's state_dict one to one, but that its middle has
// attention only where the deepest level has.

#include <memory>
#include <vector>

#include "nn/convolution.hpp"
#include "nn/denoising_blocks.hpp"
#include "nn/denoising_model.hpp"
#include "nn/norm.hpp"
#include "nn/options.hpp"
#include "nn/time_embedding.hpp"

namespace vox::nn {

/// An encoder of residual blocks that are told the timestep, with a strided convolution between levels; two blocks in the middle;
/// a decoder whose every block takes what the encoder gave at the same place too.  With activation checkpointing each block,
/// joined input and attention included, each doubling of the size and the last layers are run again in backward.
class FastDdpm3d : public DenoisingModel {
public:
    /// Throws ConfigError where the options do not fit together.
    FastDdpm3d(const ModelOptions& options, const ModelContext& context);

    /// As DenoisingModel; throws ConfigError where a tensor inside would have 2^31 elements or more (check_tensor_sizes).
    at::Tensor forward(const at::Tensor& volume, const at::Tensor& timesteps) override;
    int64_t size_divisor() const override { return options_.size_divisor(); }

private:
    struct Block {
        std::shared_ptr<TimedResBlock> residual;
        std::shared_ptr<SelfAttention> attention;  // null without
        at::Tensor forward(const at::Tensor& x, const at::Tensor& time) const;
    };
    struct Level {
        std::vector<Block> down, up;
        std::shared_ptr<Convolution> halve;  // null at the deepest level
        std::shared_ptr<DoubleSize> enlarge;  // null at full size
    };
    void build_levels(WeightSource& weights);
    /// Children `block` and `attn` of `parent`, a block for each count of channels in `inputs`.
    std::vector<Block> add_blocks(torch::nn::Module& parent, const std::vector<int64_t>& inputs, int64_t channels,
                                  bool has_attention, WeightSource& weights) const;
    std::shared_ptr<TimedResBlock> make_block(int64_t in_channels, int64_t out_channels, WeightSource& weights) const;
    std::shared_ptr<SelfAttention> make_attention(int64_t channels, WeightSource& weights) const;

    /// `inputs`: one volume, or two that are joined along their channels.
    at::Tensor run(const Block& block, std::vector<at::Tensor> inputs, const at::Tensor& time) const;
    at::Tensor run_up(const at::Tensor& middle, std::vector<at::Tensor> skips, const at::Tensor& time) const;
    at::Tensor run_last(const at::Tensor& x) const;

    ModelOptions options_;
    ModelContext context_;
    std::shared_ptr<TimeEmbedding> time_;
    std::shared_ptr<Conv3d> first_, last_;
    std::vector<Level> levels_;  // from full size down
    std::vector<Block> middle_;
    std::shared_ptr<Norm> last_norm_;
};

}  // namespace vox::nn
