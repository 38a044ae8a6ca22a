#pragma once
// How much noise a diffusion has at each timestep, the lists of timesteps that are trained and sampled, and the three ways in which a
// network may say what is noise.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace vox::ops {

/// What decides a schedule.  Betas by name:
/// linear, quad (linear in their roots), sigmoid (a logistic curve over -6 .. 6): from beta_start to beta_end
/// (as in Ho et al. 2020 and the code of Song et al. 2021); cosine: Nichol and Dhariwal 2021, each beta within beta_low .. beta_high.
struct NoiseScheduleOptions {
    std::string betas = "linear";  // linear | quad | sigmoid | cosine
    int64_t timesteps = 1000;
    double beta_start = 1e-4, beta_end = 0.02;
    double cosine_offset = 0.008, beta_low = 0, beta_high = 0.999;

    bool operator==(const NoiseScheduleOptions&) const = default;
};

/// What a network was trained to return.  With x_t = sqrt(a) x0 + sqrt(1 - a) noise, where a = alpha_bar(t):
/// the noise; x0 (`sample`); or v = sqrt(a) noise - sqrt(1 - a) x0 (Salimans and Ho 2022).
enum class Prediction { epsilon, sample, v };

/// "epsilon", "sample", "v".  Throws ConfigError for any other name.
Prediction prediction_from(const std::string& name);

/// Timesteps count from 0, the least noise.  Immutable; any thread.
class NoiseSchedule {
public:
    /// Throws ConfigError for an unknown name, or values that make no schedule.
    explicit NoiseSchedule(const NoiseScheduleOptions& options = {});

    int64_t timesteps() const { return static_cast<int64_t>(alpha_bars_.size()); }
    double beta(int64_t t) const { return betas_.at(static_cast<size_t>(t)); }
    /// The product of 1 - beta up to and with t.  t = -1 is the volume without noise: 1.
    double alpha_bar(int64_t t) const { return t < 0 ? 1.0 : alpha_bars_.at(static_cast<size_t>(t)); }

    // Per item: x0, noise, x_t and prediction [B, ...] floating, t int64 [B] on the CPU; results have the first one's dtype and device.

    /// sqrt(a) x0 + sqrt(1 - a) noise.
    at::Tensor add_noise(const at::Tensor& x0, const at::Tensor& noise, const at::Tensor& t) const;
    /// What a perfect network would return.
    at::Tensor target(Prediction kind, const at::Tensor& x0, const at::Tensor& noise, const at::Tensor& t) const;
    at::Tensor x0_of(Prediction kind, const at::Tensor& prediction, const at::Tensor& x_t, const at::Tensor& t) const;
    at::Tensor noise_of(Prediction kind, const at::Tensor& prediction, const at::Tensor& x_t,
                        const at::Tensor& t) const;

private:
    at::Tensor root(const at::Tensor& t, const at::Tensor& like, bool of_noise) const;

    std::vector<double> betas_, alpha_bars_;
};

/// Fast-DDPM's lists (Jiang et al. 2024), rising, of `steps` steps over `timesteps`.  uniform: 0, and the last timestep of each of the
/// equal parts: [0, 99, 199, ..., 999] for 10, which makes 11 evaluations.  non_uniform: denser towards the noise; the published list
/// for 10 of 1000: [0, 199, 399, 599, 699, 799, 849, 899, 949, 999].
std::vector<int64_t> uniform_timesteps(int64_t steps, int64_t timesteps = 1000);
std::vector<int64_t> non_uniform_timesteps(int64_t steps, int64_t timesteps = 1000);

/// Equally spaced from 0 to timesteps - 1, both with them, rising: what DDIM samples.
std::vector<int64_t> spaced_timesteps(int64_t steps, int64_t timesteps = 1000);

}  // namespace vox::ops
