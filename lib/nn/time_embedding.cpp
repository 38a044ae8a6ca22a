#include "nn/time_embedding.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/silu.h>

#include <cmath>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::nn {

// In float64: float32 knows an angle of 1000 to 6e-5 only.
at::Tensor sinusoidal_embedding(const at::Tensor& timesteps, int64_t channels) {
    core::check(timesteps.dim() == 1, core::concat("timesteps have sizes ", timesteps.sizes(), ", expected [B]"));
    core::check(channels >= 4 && channels % 2 == 0, core::concat("an embedding of ", channels, " channels"));
    const int64_t half = channels / 2;
    const auto options = at::TensorOptions(at::kDouble).device(timesteps.device());
    const double step = -std::log(10000.0) / static_cast<double>(half - 1);
    const at::Tensor frequencies = (at::arange(half, options) * step).exp();
    const at::Tensor angles = timesteps.to(at::kDouble).unsqueeze(1) * frequencies.unsqueeze(0);
    return at::cat({angles.sin(), angles.cos()}, 1);
}

TimeEmbedding::TimeEmbedding(int64_t channels, int64_t out_channels, WeightSource& weights) : channels_(channels) {
    const auto dense = register_module("dense", std::make_shared<torch::nn::Module>());
    first_ = dense->register_module("0", std::make_shared<Linear>(channels, out_channels, weights));
    second_ = dense->register_module("1", std::make_shared<Linear>(out_channels, out_channels, weights));
}

at::Tensor TimeEmbedding::forward(const at::Tensor& timesteps, const at::Tensor& like) const {
    const at::Tensor embedded = sinusoidal_embedding(timesteps.to(like.device()), channels_).to(like.scalar_type());
    return at::silu(second_->forward(at::silu(first_->forward(embedded))));
}

}  // namespace vox::nn
