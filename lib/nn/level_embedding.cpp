#include "nn/level_embedding.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/silu.h>

#include <cmath>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::nn {
namespace {

constexpr int64_t kFeatures = 256, kHidden = 512;

}  // namespace

// In float64: float32 knows an angle of 1000 to 6e-5 only.
at::Tensor level_features(const at::Tensor& levels, int64_t channels) {
    core::check(levels.dim() == 1, core::concat("levels have sizes [", core::join(levels.sizes()), "], expected [B]"));
    core::check(channels >= 2 && channels % 2 == 0, core::concat("features of ", channels, " channels"));
    const auto options = at::TensorOptions(at::kDouble).device(levels.device());
    const double step = -2 * std::log(10000.0) / static_cast<double>(channels);
    const at::Tensor frequencies = (at::arange(channels / 2, options) * step).exp();
    const at::Tensor angles = levels.to(at::kDouble).unsqueeze(1) * frequencies.unsqueeze(0);
    return at::cat({angles.cos(), angles.sin()}, 1);
}

LevelEmbedding::LevelEmbedding(int64_t out_channels, WeightSource& weights) {
    first_ = register_module("first", std::make_shared<Linear>(kFeatures, kHidden, weights));
    second_ = register_module("second", std::make_shared<Linear>(kHidden, out_channels, weights));
}

at::Tensor LevelEmbedding::forward(const at::Tensor& levels, const at::Tensor& like) const {
    const auto features = level_features(levels.to(like.device()), kFeatures).to(like.scalar_type());
    return second_->forward(at::silu(first_->forward(features)));
}

}  // namespace vox::nn
