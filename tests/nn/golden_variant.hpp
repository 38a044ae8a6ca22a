#pragma once
// How one network is run to be compared with MONAI's: what must not change its figures.

#include <string>
#include <vector>

#include "nn/make_model.hpp"

namespace vox::nn {

struct Variant {
    std::string golden;
    at::ScalarType dtype = at::kFloat;
    bool channels_last_3d = false;
    bool activation_checkpointing = false;
};

/// In the variant's dtype and layout, without dropout.
inline std::shared_ptr<Model> make_variant(ModelOptions options, const ModelContext& context, const Variant& variant) {
    options.dropout_prob = 0.0;
    options.channels_last_3d = variant.channels_last_3d;
    options.activation_checkpointing = variant.activation_checkpointing;
    auto model = make_model(options, context);
    model->to(variant.dtype);
    return model;
}

inline std::vector<at::Tensor> gradients(const Model& model) {
    std::vector<at::Tensor> all;
    for (const auto& p : model.parameters()) all.push_back(p.grad().to(at::kDouble));
    return all;
}

}  // namespace vox::nn
