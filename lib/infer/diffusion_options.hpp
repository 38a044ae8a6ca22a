#pragma once
// How a diffusion is trained and sampled: the section `diffusion` of a configuration.

#include <cstdint>
#include <string>
#include <vector>

#include "infer/diffusion_sampler.hpp"
#include "ops/noise_schedule.hpp"

namespace vox::config {
class Section;
}

namespace vox::infer {

/// The defaults are Fast-DDPM's: ten steps over a linear schedule, trained on the timesteps that are sampled.
struct DiffusionOptions {
    ops::NoiseScheduleOptions schedule;
    std::string prediction = "epsilon";  // epsilon | sample | v
    std::string list = "uniform";        // uniform | non_uniform | spaced
    int64_t steps = 10;
    bool train_all_timesteps = false;
    bool antithetic = true;
    std::string sampler = "ddim";  // ddim | ddpm
    double eta = 0;
    bool clip_x0 = true;
    double guidance = 1;
    double condition_dropout = 0;

    /// Takes the keys out of `section` and checks them: ConfigError for what cannot work.
    void read(config::Section& section);

    /// Those that are sampled, rising, the last of the schedule with them.
    std::vector<int64_t> sampled_timesteps() const;
    /// Those that training draws from.
    std::vector<int64_t> trained_timesteps() const;
    SamplerOptions sampler_options() const;
};

}  // namespace vox::infer
