#pragma once
// From X-ray views to a CT volume: the network of one stage of a cascade (Ho et al., "Cascaded diffusion models for high fidelity
// image generation", 2021), a transformer on patches of the volume between strided convolutions and a decoder.

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "nn/depth_lifting.hpp"
#include "nn/fusion_block.hpp"
#include "nn/level_embedding.hpp"
#include "nn/vit_block.hpp"
#include "nn/xray_encoder.hpp"
#include "nn/xray_to_ct_options.hpp"

namespace vox::nn {

/// Strided convolutions bring the noisy volume, the volume of the stage before and the lifted X-rays to tokens; transformer blocks
/// let these see each other and the X-rays; a decoder of convolutions brings them back to full size.  At every size the decoder
/// sees what the strided convolutions had there: no linear map of a token has enough channels for the values of its patch.
///
/// A stage owns its X-ray encoder, so that training a later stage leaves the earlier ones as they are.
class XrayToCt : public torch::nn::Module {
public:
    /// The network of options.stages[stage], in training mode, float32, on the host.  The weights are a pure function of `seed`.
    /// `communicator` is for xray.norm sync_batch; it must outlive the network.  Throws ConfigError for options with a problem,
    /// InternalError where there is no such stage.
    XrayToCt(const XrayToCtOptions& options, size_t stage, uint64_t seed, comm::Communicator* communicator = nullptr);

    /// noisy [B,1,D,H,W] of the stage's volume_size, floating as the parameters, on their device: x_t of a diffusion, or zeros where
    /// the volume is told from the X-rays at once.
    /// t [B], any number type, on any device: the timestep of `noisy`; zeros where there is no noise.
    /// xrays [B,V,h,w] with V = num_views, ap first, and h = w = img_size; orientation as in nn/depth_lifting.hpp.
    /// previous [B,1,d,h,w]: the volume of the stage before, of any size, upsampled here; undefined in the first stage, and only there.
    /// previous_noise [B], as t: with how much noise `previous` was augmented; undefined counts as 0, none.
    /// Returns [B,1,D,H,W]: noise, volume or v, as it is trained.  B may be 0.  In training mode dropout draws from the thread's
    /// ops::RandomScope.  All ranks alike with xray.norm sync_batch.
    /// Throws DataError for sizes that do not fit, ConfigError for a batch whose largest tensor cannot be addressed.
    at::Tensor forward(const at::Tensor& noisy, const at::Tensor& t, const at::Tensor& xrays,
                       const at::Tensor& previous = {}, const at::Tensor& previous_noise = {});

    /// How many of a micro-batch's items a block of the decoder takes at once with activation checkpointing: a quarter.
    static int64_t items_at_once(int64_t items);

    /// The number of trained values.
    int64_t parameter_count() const;

private:
    struct Level {
        std::shared_ptr<Conv3d> conv;
        std::shared_ptr<Norm> norm;
    };
    void build(const XrayToCtOptions& options, comm::Communicator* communicator, WeightSource& weights);
    void build_volume_path(WeightSource& weights);
    void check_inputs(const at::Tensor& noisy, const at::Tensor& t, const at::Tensor& xrays, const at::Tensor& previous,
                      const at::Tensor& previous_noise) const;
    at::Tensor entry(const at::Tensor& noisy, const at::Tensor& previous, const at::Tensor& maps) const;
    at::Tensor transform(const at::Tensor& tokens, const XrayFeatures& seen, const at::Tensor& condition) const;
    at::Tensor fuse(FusionBlock& block, const at::Tensor& x, const at::Tensor& skip, const at::Tensor& condition) const;
    at::Tensor halve(const Level& level, const at::Tensor& x) const;

    XrayToCtStage stage_;
    XrayOptions xray_;
    bool follows_;  // another stage
    bool checkpointing_;
    std::shared_ptr<XrayEncoder> encoder_;
    std::shared_ptr<LevelEmbedding> time_, previous_noise_;  // previous_noise_ null in the first stage
    std::shared_ptr<DepthLifting> lifting_;
    std::shared_ptr<Conv3d> entry_, last_;
    std::vector<Level> down_;  // from full size
    at::Tensor place_embedding_;  // [1,tokens,voxel_dim]
    std::vector<std::shared_ptr<VitBlock>> blocks_;
    std::shared_ptr<LayerNorm> token_norm_;
    std::vector<std::shared_ptr<FusionBlock>> up_;  // from the tokens
};

}  // namespace vox::nn
