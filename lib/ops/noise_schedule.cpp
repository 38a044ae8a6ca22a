#include "ops/noise_schedule.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::ops {
namespace {

using core::concat;
using core::ConfigError;

/// The i-th of n values from `first` to `last`.
double on_line(double first, double last, int64_t i, int64_t n) {
    return n == 1 ? first : first + (last - first) * static_cast<double>(i) / static_cast<double>(n - 1);
}

double cosine_alpha_bar(double progress, double offset) {
    const double c = std::cos((progress + offset) / (1 + offset) * std::numbers::pi / 2);
    return c * c;
}

double beta_of(const NoiseScheduleOptions& options, int64_t t) {
    const auto n = options.timesteps;
    if (options.betas == "linear") return on_line(options.beta_start, options.beta_end, t, n);
    if (options.betas == "quad") {
        const double root = on_line(std::sqrt(options.beta_start), std::sqrt(options.beta_end), t, n);
        return root * root;
    }
    if (options.betas == "sigmoid")
        return options.beta_start + (options.beta_end - options.beta_start) / (1 + std::exp(-on_line(-6, 6, t, n)));
    if (options.betas == "cosine") {
        const auto steps = static_cast<double>(n), now = static_cast<double>(t);
        const double ratio = cosine_alpha_bar((now + 1) / steps, options.cosine_offset) /
                             cosine_alpha_bar(now / steps, options.cosine_offset);
        return std::clamp(1 - ratio, options.beta_low, options.beta_high);
    }
    throw ConfigError(
        concat("no noise schedule is called '", options.betas, "'; there are linear, quad, sigmoid and cosine"));
}

void check_list(int64_t steps, int64_t timesteps) {
    if (steps < 1 || steps > timesteps)
        throw ConfigError(concat(steps, " sampling steps are not within 1 .. ", timesteps, " timesteps"));
}

void append_ceil_line(std::vector<int64_t>& list, double first, double last, int64_t points, int64_t taken) {
    for (int64_t i = 0; i < taken; ++i)
        list.push_back(static_cast<int64_t>(std::ceil(on_line(first, last, i, points))));
}

}  // namespace

Prediction prediction_from(const std::string& name) {
    if (name == "epsilon") return Prediction::epsilon;
    if (name == "sample") return Prediction::sample;
    if (name == "v") return Prediction::v;
    throw ConfigError(concat("a network predicts epsilon, sample or v, not '", name, "'"));
}

NoiseSchedule::NoiseSchedule(const NoiseScheduleOptions& options) {
    if (options.timesteps < 1) throw ConfigError(concat(options.timesteps, " timesteps make no noise schedule"));
    double product = 1;
    for (int64_t t = 0; t < options.timesteps; ++t) {
        const double beta = beta_of(options, t);
        if (!(beta > 0 && beta < 1))
            throw ConfigError(
                concat("the noise schedule has beta ", beta, " at timestep ", t, "; it must be within 0 .. 1"));
        product *= 1 - beta;
        betas_.push_back(beta);
        alpha_bars_.push_back(product);
    }
}

/// sqrt(alpha_bar) of each item, or of what is missing to 1: [B, 1, ...] as `like`.
at::Tensor NoiseSchedule::root(const at::Tensor& t, const at::Tensor& like, bool of_noise) const {
    core::check(t.dim() == 1 && t.scalar_type() == at::kLong && t.is_cpu() && t.size(0) == like.size(0),
                concat("timesteps [", core::join(t.sizes()), "] for items [", core::join(like.sizes()), "]"));
    const at::Tensor roots = at::empty({t.size(0)}, at::kDouble);
    for (int64_t i = 0; i < t.size(0); ++i) {
        const double a = alpha_bar(t.const_data_ptr<int64_t>()[i]);
        roots.mutable_data_ptr<double>()[i] = std::sqrt(of_noise ? 1 - a : a);
    }
    std::vector<int64_t> shape(static_cast<size_t>(like.dim()), 1);
    shape[0] = t.size(0);
    return roots.view(shape).to(like.options());
}

at::Tensor NoiseSchedule::add_noise(const at::Tensor& x0, const at::Tensor& noise, const at::Tensor& t) const {
    return root(t, x0, false) * x0 + root(t, x0, true) * noise;
}

at::Tensor NoiseSchedule::target(Prediction kind, const at::Tensor& x0, const at::Tensor& noise,
                                 const at::Tensor& t) const {
    if (kind == Prediction::epsilon) return noise;
    if (kind == Prediction::sample) return x0;
    return root(t, x0, false) * noise - root(t, x0, true) * x0;
}

at::Tensor NoiseSchedule::x0_of(Prediction kind, const at::Tensor& prediction, const at::Tensor& x_t,
                                const at::Tensor& t) const {
    if (kind == Prediction::sample) return prediction;
    if (kind == Prediction::epsilon) return (x_t - root(t, x_t, true) * prediction) / root(t, x_t, false);
    return root(t, x_t, false) * x_t - root(t, x_t, true) * prediction;
}

at::Tensor NoiseSchedule::noise_of(Prediction kind, const at::Tensor& prediction, const at::Tensor& x_t,
                                   const at::Tensor& t) const {
    if (kind == Prediction::epsilon) return prediction;
    if (kind == Prediction::sample) return (x_t - root(t, x_t, false) * prediction) / root(t, x_t, true);
    return root(t, x_t, false) * prediction + root(t, x_t, true) * x_t;
}

std::vector<int64_t> uniform_timesteps(int64_t steps, int64_t timesteps) {
    check_list(steps, timesteps);
    std::vector<int64_t> list{0};
    for (int64_t k = 1; k <= steps; ++k) {
        const int64_t last = k * timesteps / steps - 1;
        if (last > list.back()) list.push_back(last);  // of parts of one timestep the first is 0 itself
    }
    return list;
}

std::vector<int64_t> non_uniform_timesteps(int64_t steps, int64_t timesteps) {
    check_list(steps, timesteps);
    if (steps == 10 && timesteps == 1000) return {0, 199, 399, 599, 699, 799, 849, 899, 949, 999};
    if (steps < 4) throw ConfigError(concat("non-uniform timesteps need at least 4 steps, not ", steps));
    // The published rule: two fifths of the steps below 0.7 of the timesteps, three fifths above.
    const int64_t low = 2 * steps / 5, high = 3 * steps / 5;
    const double bend = std::floor(0.7 * static_cast<double>(timesteps)) - 1, end = static_cast<double>(timesteps) - 1;
    std::vector<int64_t> list;
    append_ceil_line(list, 0, bend, low + 1, low);
    append_ceil_line(list, bend, end, high, high);
    return list;
}

std::vector<int64_t> spaced_timesteps(int64_t steps, int64_t timesteps) {
    check_list(steps, timesteps);
    if (steps == 1) return {timesteps - 1};
    std::vector<int64_t> list;
    for (int64_t i = 0; i < steps; ++i)
        list.push_back(std::llrint(on_line(0, static_cast<double>(timesteps - 1), i, steps)));
    return list;
}

}  // namespace vox::ops
