#include "infer/diffusion_options.hpp"

#include <numeric>

#include "config/section.hpp"

namespace vox::infer {

void DiffusionOptions::read(config::Section& section) {
    section.choice("schedule", schedule.betas, {"linear", "quad", "sigmoid", "cosine"},
                   "how noise grows with the timestep; cosine is that of Nichol and Dhariwal 2021");
    section.value("timesteps", schedule.timesteps, "timesteps of the schedule");
    section.value("beta_start", schedule.beta_start, "linear, quad, sigmoid: variance that the first timestep adds");
    section.value("beta_end", schedule.beta_end, "linear, quad, sigmoid: variance that the last timestep adds");
    section.value("beta_low", schedule.beta_low, "cosine: least variance that a timestep adds");
    section.value("beta_high", schedule.beta_high, "cosine: most variance that a timestep adds");
    section.choice("prediction", prediction, {"epsilon", "sample", "v"},
                   "what the network returns: the noise, the volume, or v = sqrt(a) noise - sqrt(1 - a) volume");
    section.choice("list", list, {"uniform", "non_uniform", "spaced"},
                   "which timesteps are sampled: Fast-DDPM's lists, or equally spaced with both ends (DDIM)");
    section.value("steps", steps,
                  "length of that list; uniform evaluates the network once more, at timestep 0: 11 times for 10");
    section.value("train_all_timesteps", train_all_timesteps,
                  "training draws from the whole schedule, not from the list that is sampled");
    section.value("antithetic", antithetic,
                  "of two neighbours in the order the second gets the timestep opposite to the first's in the list");
    section.choice("sampler", sampler, {"ddim", "ddpm"}, "ddim, or ddpm with its smaller variance");
    section.value("eta", eta, "ddim: 0 adds no noise between steps, 1 as much as ddpm");
    section.value("clip_x0", clip_x0,
                  "keep the volume that a step foresees within -1 .. 1; without it an error of a prediction of noise "
                  "is magnified 157 times at the noisy end of the linear schedule");
    section.value("guidance", guidance,
                  "weight of the conditions in sampling: 1 as trained; other values go beyond what the network says "
                  "without conditions, and need condition_dropout in training");
    section.value("condition_dropout", condition_dropout,
                  "share of training items that see no condition, which guidance needs (0.1 is usual)");
    section.require(eta >= 0 && eta <= 1, "eta must be within 0 .. 1");
    section.require(eta == 0 || sampler == "ddim", "eta is of sampler: ddim");
    section.require(guidance >= 0, "guidance must not be negative");
    section.require(condition_dropout >= 0 && condition_dropout < 1, "condition_dropout must be at least 0, below 1");
    section.require(guidance == 1 || condition_dropout > 0,
                    "guidance other than 1 needs condition_dropout above 0: else the network was never asked what it "
                    "says without conditions");
    // What makes no schedule or list says so itself.
    const ops::NoiseSchedule made(schedule);
    const DiffusionSampler tried(made, sampler_options(), sampled_timesteps());
}

std::vector<int64_t> DiffusionOptions::sampled_timesteps() const {
    if (list == "uniform") return ops::uniform_timesteps(steps, schedule.timesteps);
    if (list == "non_uniform") return ops::non_uniform_timesteps(steps, schedule.timesteps);
    return ops::spaced_timesteps(steps, schedule.timesteps);
}

std::vector<int64_t> DiffusionOptions::trained_timesteps() const {
    if (!train_all_timesteps) return sampled_timesteps();
    std::vector<int64_t> all(static_cast<size_t>(schedule.timesteps));
    std::iota(all.begin(), all.end(), int64_t{0});
    return all;
}

SamplerOptions DiffusionOptions::sampler_options() const {
    return {.name = sampler, .prediction = ops::prediction_from(prediction), .clip_x0 = clip_x0, .eta = eta};
}

}  // namespace vox::infer
