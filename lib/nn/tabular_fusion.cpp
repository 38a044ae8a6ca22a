#include "nn/tabular_fusion.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>

#include <algorithm>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::nn {

TabularFusion::TabularFusion(const Shape& shape, const TabularFusionOptions& options, WeightSource& weights)
    : shape_(shape), hidden_(options.hidden_channels) {
    if (const auto problem = options.problem(); !problem.empty()) {
        throw core::ConfigError(core::concat("tabular: ", problem));
    }
    if (!options.is_used()) throw core::ConfigError("tabular: fusion is none, so that there is nothing to build");
    linear1_ = register_module("linear1", std::make_shared<Linear>(shape.columns, hidden_, weights));
    linear2_ = register_module("linear2", std::make_shared<Linear>(hidden_, hidden_, weights));
    dropout_ = register_module("dropout", std::make_shared<Dropout>(options.dropout_prob, DropoutKind::element));
    if (options.fusion != "film") return;
    film_ = register_module("film", std::make_shared<Linear>(hidden_, 2 * shape.features, weights));
    const at::NoGradGuard no_grad;
    for (const auto& parameter : film_->parameters()) parameter.zero_();
}

at::Tensor TabularFusion::forward(const at::Tensor& features, const at::Tensor& row) const {
    if (row.dim() != 2 || row.size(0) != features.size(0) || row.size(1) != shape_.columns) {
        throw core::DataError(core::concat("tabular: the table's rows are [", core::join(row.sizes()), "], expected [",
                                           features.size(0), ", ", shape_.columns, "]: a row an item"));
    }
    const auto z = linear2_->forward(dropout_->forward(linear1_->forward(row).relu_())).relu_();
    if (!film_) return at::cat({features, z}, 1);
    const auto both = film_->forward(z).chunk(2, 1);  // scale, shift
    return features * (1 + both[0]) + both[1];
}

int64_t TabularFusion::out_features() const { return film_ ? shape_.features : shape_.features + hidden_; }

}  // namespace vox::nn
