#pragma once
// What a table says of a case (age, scores, findings), joined with the features of its volume.

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>

#include "nn/dropout.hpp"
#include "nn/linear.hpp"
#include "nn/tabular_fusion_options.hpp"

namespace vox::nn {

/// z = relu(linear2(dropout(relu(linear1(row))))) of `hidden_channels` values.  Concatenation puts z behind the features of the
/// volume; FiLM (Perez et al. 2018) makes features * (1 + scale) + shift of them, where [scale, shift] = film(z) starts as 0: a new
/// network sees the volume alone.  Other weights begin as PyTorch's.
class TabularFusion : public torch::nn::Module {
public:
    struct Shape {
        int64_t features;  // of a volume
        int64_t columns;  // of the table
    };
    /// Throws ConfigError for options that have a problem or name no fusion.
    TabularFusion(const Shape& shape, const TabularFusionOptions& options, WeightSource& weights);

    /// features [B,features] of the volumes and row [B,columns] of the table, floating as the parameters, on their device ->
    /// [B,out_features()].  B may be 0.  In training mode dropout draws from the thread's ops::RandomScope.  Throws DataError for
    /// rows of another size.
    at::Tensor forward(const at::Tensor& features, const at::Tensor& row) const;
    int64_t out_features() const;

private:
    Shape shape_;
    int64_t hidden_;
    std::shared_ptr<Linear> linear1_, linear2_;
    std::shared_ptr<Linear> film_;  // null: concatenation
    std::shared_ptr<Dropout> dropout_;
};

}  // namespace vox::nn
