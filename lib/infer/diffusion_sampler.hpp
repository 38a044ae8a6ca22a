#pragma once
// From noise to a volume: DDIM and DDPM over any list of timesteps.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ops/noise_schedule.hpp"

namespace vox::infer {

struct SamplerOptions {
    std::string name = "ddim";  // ddim (Song et al. 2021) | ddpm (Ho et al. 2020, its smaller variance)
    ops::Prediction prediction = ops::Prediction::epsilon;
    /// Keep the volume that a step foresees within -1 .. 1.  At the noisy end an error of a prediction of noise is magnified by
    /// 1 / sqrt(alpha_bar): 157 times at timestep 999 of the linear schedule.
    bool clip_x0 = true;
    double eta = 0;  // ddim: 0 adds no noise, 1 as much as ddpm
};

/// Immutable; any thread.  The schedule must outlive it.
class DiffusionSampler {
public:
    /// What the network says of x [B, ...] at timestep t.
    using Network = std::function<at::Tensor(const at::Tensor& x, int64_t t)>;
    /// Standard normal numbers like x for the step that leaves timestep t; asked only where a step needs them.
    using Noise = std::function<at::Tensor(int64_t t)>;
    /// Told after each step: x at timestep `t` (-1: the volume).
    using OnStep = std::function<void(const at::Tensor& x, int64_t t)>;

    /// `timesteps` rise (ops::uniform_timesteps, ...); sampling goes from the last to the first, and from there to the volume: as many
    /// evaluations of the network as timesteps.  Throws ConfigError for an unknown name, eta outside 0 .. 1, or a list that does not
    /// rise within the schedule.
    DiffusionSampler(const ops::NoiseSchedule& schedule, const SamplerOptions& options, std::vector<int64_t> timesteps);

    /// x [B, ...]: noise at the last timestep -> the volume.
    at::Tensor sample(at::Tensor x, const Network& network, const Noise& noise, const OnStep& on_step = nullptr) const;

    /// One step: x at timestep t and what the network said of it -> x at `previous` (-1: the volume).
    at::Tensor step(const at::Tensor& prediction, const at::Tensor& x, int64_t t, int64_t previous,
                    const Noise& noise) const;

private:
    const ops::NoiseSchedule& schedule_;
    SamplerOptions options_;
    std::vector<int64_t> timesteps_;
};

}  // namespace vox::infer
