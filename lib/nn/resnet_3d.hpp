#pragma once
// ResNet (He et al., "Deep residual learning for image recognition", 2016) in three dimensions, in the variants of MONAI 1.6:
// parameter and buffer names and shapes equal its state_dict one to one, so that weights of MONAI and MedicalNet load by name
// (tools/export_monai_weights.py).

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nn/convolution.hpp"
#include "nn/linear.hpp"
#include "nn/norm.hpp"
#include "nn/options.hpp"
#include "nn/resnet_3d_block.hpp"
#include "nn/resnet_3d_options.hpp"
#include "nn/tabular_fusion.hpp"

namespace vox::nn {

/// A network from volumes, and where asked for rows of a table, to a few values a case: a risk, or logits of classes.  With
/// activation checkpointing the first layers and each block are run again in backward.
///
/// Initial weights as MONAI's: convolutions normal with variance 2 / fan_out, their biases and the last layer's weight PyTorch's
/// uniform numbers, the last layer's bias 0.
class ResNet3d : public torch::nn::Module {
public:
    /// In training mode, float32, on the host; context.out_channels values a case.  `table_columns`: how many a row of the table has;
    /// above 0 where options.tabular has a fusion, and only there.  Throws ConfigError where the options do not fit together.
    ResNet3d(const ResNet3dOptions& options, const ModelContext& context, int64_t table_columns = 0);

    /// volume [B,C,D,H,W], floating as the parameters, on their device -> [B,feature_count()]: what the last stage gives, averaged
    /// over the volume.  B may be 0, D, H and W any size.  All ranks alike with norm: sync_batch.  Throws DataError for another shape,
    /// ConfigError for a batch whose largest tensor cannot be addressed.
    at::Tensor features(const at::Tensor& volume) const;

    /// features [B,feature_count()], and row [B,table_columns] where there is a table -> [B,out_channels].  In training mode
    /// tabular.dropout_prob draws from the thread's ops::RandomScope.
    at::Tensor head(const at::Tensor& features, const at::Tensor& row = {}) const;

    /// head(features(volume), row).
    at::Tensor forward(const at::Tensor& volume, const at::Tensor& row = {}) const;

    int64_t feature_count() const { return options_.stage_channels().back(); }

    /// The number of trained values.
    int64_t parameter_count() const;

    /// Whether a parameter of this name comes after the features: what files of weights for fine-tuning lack.
    static bool is_of_head(const std::string& name);

private:
    void build_stages(WeightSource& weights);
    void check_volume(const at::Tensor& volume) const;
    at::Tensor first_layers(const at::Tensor& volume) const;

    ResNet3dOptions options_;
    ModelContext context_;
    std::shared_ptr<Conv3d> first_;
    std::shared_ptr<Norm> first_norm_;
    std::vector<std::shared_ptr<ResNet3dBlock>> blocks_;  // of all stages
    std::shared_ptr<TabularFusion> fusion_;  // null without
    std::shared_ptr<Linear> last_;
};

}  // namespace vox::nn
