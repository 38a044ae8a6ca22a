#pragma once
// What a table says of a case (age, scores, findings), joined with the features of its volume.

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <string>

#include "nn/dropout.hpp"
#include "nn/linear.hpp"

namespace vox::config {
class Section;
}

namespace vox::nn {

/// How a network takes the table's row of a case: the section `tabular` of its configuration.
struct TabularFusionOptions {
    std::string fusion = "none";  // none, concatenation, film
    int64_t hidden_channels = 64;
    double dropout_prob = 0.0;

    /// Takes the keys out of `section`; ConfigError for what cannot be built.
    void read(config::Section& section);
    /// What is wrong with these options, or an empty text.  Without fusion the others must have their defaults: any other value
    /// would change nothing.
    std::string problem() const;
    bool is_used() const { return fusion != "none"; }
};

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
