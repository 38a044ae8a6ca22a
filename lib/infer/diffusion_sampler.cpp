#include "infer/diffusion_sampler.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::infer {

using core::concat;
using core::ConfigError;

DiffusionSampler::DiffusionSampler(const ops::NoiseSchedule& schedule, const SamplerOptions& options,
                                   std::vector<int64_t> timesteps)
    : schedule_(schedule), options_(options), timesteps_(std::move(timesteps)) {
    if (options_.name != "ddim" && options_.name != "ddpm")
        throw ConfigError(concat("no sampler is called '", options_.name, "'; there are ddim and ddpm"));
    if (!(options_.eta >= 0 && options_.eta <= 1))
        throw ConfigError(concat("eta is ", options_.eta, ", not within 0 .. 1"));
    const bool rises = !timesteps_.empty() && timesteps_.front() >= 0 && timesteps_.back() < schedule_.timesteps() &&
                       std::ranges::adjacent_find(timesteps_, std::greater_equal<>()) == timesteps_.end();
    if (!rises)
        throw ConfigError(
            concat("timesteps [", core::join(timesteps_), "] do not rise within 0 .. ", schedule_.timesteps() - 1));
}

at::Tensor DiffusionSampler::sample(at::Tensor x, const Network& network, const Noise& noise,
                                    const OnStep& on_step) const {
    for (size_t i = timesteps_.size(); i-- > 0;) {
        const int64_t t = timesteps_[i], previous = i > 0 ? timesteps_[i - 1] : -1;
        x = step(network(x, t), x, t, previous, noise);
        if (on_step) on_step(x, previous);
    }
    return x;
}

at::Tensor DiffusionSampler::step(const at::Tensor& prediction, const at::Tensor& x, int64_t t, int64_t previous,
                                  const Noise& noise) const {
    const at::Tensor items = at::full({x.size(0)}, t, at::kLong);
    at::Tensor x0 = schedule_.x0_of(options_.prediction, prediction, x, items);
    if (options_.clip_x0) x0 = x0.clamp(-1, 1);
    const double bar = schedule_.alpha_bar(t), bar_before = schedule_.alpha_bar(previous);
    // Of the step from `previous` to t: several of the schedule's at once where the list leaves some out.
    const double alpha = bar / bar_before, variance = (1 - bar_before) / (1 - bar) * (1 - alpha);
    if (options_.name == "ddpm") {
        // Formulas 6 and 7 of Ho et al.
        const at::Tensor mean =
            std::sqrt(bar_before) * (1 - alpha) / (1 - bar) * x0 + std::sqrt(alpha) * (1 - bar_before) / (1 - bar) * x;
        return variance > 0 ? mean + std::sqrt(variance) * noise(t) : mean;
    }
    // Formulas 12 and 16 of Song et al.; the noise is the predicted one, also where x0 was clipped.
    const at::Tensor predicted_noise = schedule_.noise_of(options_.prediction, prediction, x, items);
    const double added = options_.eta * std::sqrt(variance);
    const double kept = std::sqrt(std::max(0.0, 1 - bar_before - added * added));
    const at::Tensor before = std::sqrt(bar_before) * x0 + kept * predicted_noise;
    return added > 0 ? before + added * noise(t) : before;
}

}  // namespace vox::infer
