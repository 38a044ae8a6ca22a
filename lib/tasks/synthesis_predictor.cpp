#include "tasks/synthesis_predictor.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/std.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <array>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/transforms.hpp"
#include "infer/diffusion_sampler.hpp"
#include "infer/sliding_window.hpp"
#include "ops/random_tensor.hpp"
#include "tasks/sample_key.hpp"

namespace vox::tasks {
namespace {

using core::concat;
using core::DataError;

int64_t round_up(int64_t size, int64_t divisor) { return (size + divisor - 1) / divisor * divisor; }

/// Voxels where any of `channels` is not what 0 became: outside of the head files hold 0.
at::Tensor foreground_of(const data::Sample& sample, const std::vector<int64_t>& channels) {
    const std::array<const data::CaseInfo*, 1> cases{sample.info};
    const at::Tensor nothing = at::zeros({1, sample.info->channels(), 1, 1, 1}, sample.image.options());
    const at::Tensor zero = data::normalise(nothing, cases, data::Normalisation::percentile)[0];
    at::Tensor any = at::zeros(sample.info->size(), at::kBool);
    for (const int64_t c : channels) any = any.logical_or(sample.image[c] != zero[c]);
    return any;
}

/// The conditions among the channels [C,D,H,W], others 0, with sizes that the network takes.  Beyond the case there is what is beyond
/// the head.
at::Tensor padded_conditions(const at::Tensor& image, const std::vector<int64_t>& conditions, int64_t divisor) {
    const auto missing = [&](int64_t axis) { return round_up(image.size(axis), divisor) - image.size(axis); };
    const at::Tensor padded = at::constant_pad_nd(image, {0, missing(3), 0, missing(2), 0, missing(1)}, -1);
    at::Tensor seen = at::zeros_like(padded);
    for (const int64_t c : conditions) seen[c].copy_(padded[c]);
    return seen;
}

/// The part of a padded volume that is the case, on the host.
at::Tensor cropped(const at::Tensor& volume, const core::Index3& size) {
    return volume.narrow(0, 0, size[0])
        .narrow(1, 0, size[1])
        .narrow(2, 0, size[2])
        .to(at::kCPU, at::kFloat)
        .contiguous();
}

}  // namespace

SynthesisPredictor::SynthesisPredictor(std::shared_ptr<nn::DenoisingModel> model, SynthesisFacts facts,
                                       infer::DiffusionOptions diffusion, infer::SlidingWindowOptions window,
                                       SynthesisOptions options, uint64_t seed)
    : model_(std::move(model)),
      facts_(std::move(facts)),
      diffusion_(std::move(diffusion)),
      schedule_(diffusion_.schedule),
      window_(std::move(window)),
      options_(std::move(options)),
      seed_(seed) {}

GeneratedChannel SynthesisPredictor::generate(const data::Sample& sample, int64_t channel) {
    const at::NoGradGuard no_grad;
    auto conditions = available_channels(*sample.info);
    std::erase(conditions, channel);
    if (conditions.empty())
        throw DataError(concat("case ", sample.info->id, " has nothing to generate ",
                               facts_.channels.at(static_cast<size_t>(channel)), " from"));
    const at::Tensor seen = padded_conditions(sample.image, conditions, model_->size_divisor());
    const bool was_training = model_->is_training();
    model_->eval();
    std::vector<at::Tensor> samples;
    for (int64_t number = 0; number < options_.samples; ++number)
        samples.push_back(
            cropped(sample_once(seen, channel, sample_key(seed_, sample.info->id, number)), sample.info->size()));
    model_->train(was_training);
    GeneratedChannel result;
    result.channel = channel;
    result.foreground = foreground_of(sample, conditions);
    const at::Tensor outside = result.foreground.logical_not();
    for (auto& one : samples) one = one.clamp(-1, 1).masked_fill(outside, -1);
    const at::Tensor all = at::stack(samples);
    result.first = samples.front();
    result.mean = all.mean(0);
    if (samples.size() > 1) result.standard_deviation = at::std(all, 0, /*unbiased=*/true);
    return result;
}

/// conditions [C,D,H,W], padded -> [D,H,W].
at::Tensor SynthesisPredictor::sample_once(const at::Tensor& conditions, int64_t channel, const ops::RandomKey& key) {
    const auto weight = model_->parameters().front();
    const at::Tensor seen = conditions.to(weight.options());
    infer::SlidingWindowOptions window = window_;
    for (size_t axis = 0; axis < 3; ++axis)
        window.window[axis] = std::min(window.window[axis], seen.size(static_cast<int64_t>(axis) + 1));
    const auto draw = [&](uint32_t layer) {
        const std::array<ops::RandomKey, 1> keys{key};
        return ops::random_normal_tensor(keys, ops::Purpose::sampling, layer,
                                         {1, 1, seen.size(1), seen.size(2), seen.size(3)}, seen.options());
    };
    auto options = diffusion_.sampler_options();
    options.prediction = ops::Prediction::sample;  // what `network` gives is the foreseen volume
    const infer::DiffusionSampler sampler(schedule_, options, diffusion_.sampled_timesteps());
    const auto network = [&](const at::Tensor& x, int64_t t) {
        const auto in_window = [&](const at::Tensor& windows) {
            return foreseen(windows.to(weight.scalar_type()), channel, t);
        };
        const infer::SlidingWindowDevices devices{.network = weight.device(), .result = weight.device()};
        return infer::sliding_window(at::cat({seen, x[0]}), in_window, window, devices).unsqueeze(0);
    };
    return sampler.sample(draw(0), network, [&](int64_t t) { return draw(static_cast<uint32_t>(t) + 1); })[0][0];
}

/// windows [n,C+1,d,h,w]: conditions, 0 in the target's channel, and x at timestep t -> [n,1,d,h,w].
at::Tensor SynthesisPredictor::foreseen(const at::Tensor& windows, int64_t channel, int64_t t) {
    const int64_t channels = windows.size(1) - 1;
    const at::Tensor x = windows.narrow(1, channels, 1);
    const at::Tensor steps = at::full({windows.size(0)}, t, at::kLong);
    at::Tensor input = windows.narrow(1, 0, channels).clone();
    input.narrow(1, channel, 1).copy_(x);
    at::Tensor output = model_->forward(input, steps);
    if (diffusion_.guidance != 1) {
        at::Tensor alone = at::zeros_like(input);
        alone.narrow(1, channel, 1).copy_(x);
        const at::Tensor unconditional = model_->forward(alone, steps);
        output = unconditional + diffusion_.guidance * (output - unconditional);
    }
    return schedule_.x0_of(ops::prediction_from(diffusion_.prediction), output, x, steps);
}

int64_t SynthesisPredictor::channel_of(const data::CaseInfo& info) const {
    if (facts_.target >= 0) return facts_.target;
    if (asked_ >= 0) return asked_;
    const auto available = available_channels(info);
    std::vector<int64_t> lacking;
    for (int64_t c = 0; c < std::ssize(facts_.channels); ++c)
        if (std::ranges::find(available, c) == available.end()) lacking.push_back(c);
    if (lacking.size() == 1) return lacking.front();
    throw DataError(concat("case ", info.id, " lacks ", lacking.empty() ? "no channel" : "several channels",
                           ", and the model generates whichever is asked for: say --target with one of ",
                           core::join(facts_.channels)));
}

void SynthesisPredictor::ask(const std::string& channel) {
    const int64_t wanted = facts_.channel(channel);
    if (facts_.target >= 0 && facts_.target != wanted)
        throw core::ConfigError(concat("the model generates ", facts_.channels[static_cast<size_t>(facts_.target)],
                                       " only, not ", channel));
    asked_ = wanted;
}

infer::Prediction SynthesisPredictor::predict(const data::Sample& sample) {
    const int64_t channel = channel_of(*sample.info);
    const auto generated = generate(sample, channel);
    const std::string name = facts_.channels[static_cast<size_t>(channel)];
    const auto& window = facts_.windows[static_cast<size_t>(channel)];
    infer::Prediction prediction;
    // Outside of the head files hold 0, which need not be the window's lower end.
    prediction.volumes.push_back(
        {name + "_generated",
         facts_.to_intensities(generated.mean, channel).masked_fill(generated.foreground.logical_not(), 0)});
    if (generated.standard_deviation.defined())
        prediction.volumes.push_back({name + "_sd", generated.standard_deviation * ((window.high - window.low) / 2)});
    return prediction;
}

}  // namespace vox::tasks
