#include "tasks/xray_to_ct_predictor.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/adaptive_avg_pool3d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/std.h>
#include <ATen/ops/upsample_trilinear3d.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/case_info.hpp"
#include "infer/diffusion_sampler.hpp"
#include "ops/random_tensor.hpp"
#include "tasks/sample_key.hpp"
#include "tasks/xray_views.hpp"

namespace vox::tasks {
namespace {

std::vector<int64_t> one_volume(const core::Index3& size) { return {1, 1, size[0], size[1], size[2]}; }

/// [D,H,W] values brought onto a grid of other voxels of the same box.
at::Tensor onto(const at::Tensor& values, const core::Index3& size) {
    if (values.sizes() == at::IntArrayRef(size)) return values;
    return at::upsample_trilinear3d(values.unsqueeze(0).unsqueeze(0), size, /*align_corners=*/false)[0][0];
}

}  // namespace

at::Tensor as_earlier_stage(const at::Tensor& x0, const core::Index3& size) {
    if (x0.size(0) == 0) return at::empty({0, 1, size[0], size[1], size[2]}, x0.options());
    return at::adaptive_avg_pool3d(x0, size);
}

XrayToCtPredictor::XrayToCtPredictor(std::shared_ptr<nn::XrayCascade> model, XrayToCtFacts facts,
                                     infer::DiffusionOptions diffusion, CascadeOptions options, uint64_t seed)
    : model_(std::move(model)),
      facts_(std::move(facts)),
      diffusion_(std::move(diffusion)),
      schedule_(diffusion_.schedule),
      options_(std::move(options)),
      seed_(seed) {
    core::check(facts_.objectives.size() == model_->size(), "a cascade has an objective for each stage");
}

void XrayToCtPredictor::set_samples(int64_t samples) {
    if (samples > 1 && std::ranges::count(facts_.objectives, "diffusion") == 0)
        throw core::ConfigError("the model makes volumes of X-rays at once: several samples of a case would be equal");
    options_.samples = samples;
}

GeneratedCt XrayToCtPredictor::generate(const std::string& case_id, const at::Tensor& views,
                                        const at::Tensor& true_volume) {
    const at::NoGradGuard no_grad;
    const auto weight = model_->parameters().front();
    const at::Tensor seen =
        views_for_network(views.unsqueeze(0).to(weight.options()), facts_.unit, options_.network.xray.img_size);
    at::Tensor known;
    if (true_volume.defined()) known = true_volume.unsqueeze(0).unsqueeze(0).to(weight.options());
    const bool all_trained = model_->is_training();
    std::vector<bool> was_training;  // frozen stages are not
    was_training.reserve(model_->size());
    for (size_t i = 0; i < model_->size(); ++i) was_training.push_back(model_->stage(i).is_training());
    model_->eval();
    std::vector<at::Tensor> samples;
    samples.reserve(static_cast<size_t>(options_.samples));
    for (int64_t number = 0; number < options_.samples; ++number)
        samples.push_back(sample_once(seen, known, sample_key(seed_, case_id, number)));
    model_->train(all_trained);
    for (size_t i = 0; i < model_->size(); ++i) model_->stage(i).train(was_training[i]);
    const at::Tensor all = at::stack(samples);
    GeneratedCt result{.mean = all.mean(0), .standard_deviation = {}, .first = samples.front()};
    if (samples.size() > 1) result.standard_deviation = at::std(all, 0, /*unbiased=*/true);
    return result;
}

/// -> [D,H,W] of the last stage, on the host.
at::Tensor XrayToCtPredictor::sample_once(const at::Tensor& views, const at::Tensor& true_volume,
                                          const ops::RandomKey& key) {
    const size_t last = model_->size() - 1;
    at::Tensor volume;
    if (true_volume.defined() && last > 0) volume = as_earlier_stage(true_volume, options_.volume_size(last - 1));
    for (size_t i = volume.defined() ? last : 0; i <= last; ++i) volume = run_stage(i, views, volume, key).clamp(-1, 1);
    return volume[0][0].to(at::kCPU, at::kFloat).contiguous();
}

at::Tensor XrayToCtPredictor::noise_like(const ops::RandomKey& key, size_t stage, int64_t layer,
                                         at::IntArrayRef sizes) const {
    const std::array<ops::RandomKey, 1> keys{key};
    const auto layers = static_cast<uint32_t>(stage << 16) + static_cast<uint32_t>(layer);
    return ops::random_normal_tensor(keys, ops::Purpose::sampling, layers, sizes,
                                     model_->parameters().front().options());
}

/// views [1,V,s,s], previous [1,1,d,h,w] -> [1,1,D,H,W].
at::Tensor XrayToCtPredictor::run_stage(size_t index, const at::Tensor& views, const at::Tensor& previous,
                                        const ops::RandomKey& key) {
    auto& network = model_->stage(index);
    const auto size = one_volume(options_.volume_size(index));
    const auto steps = [](int64_t t) { return at::full({1}, t, at::kLong); };
    at::Tensor condition = previous, level;
    if (previous.defined() && options_.previous_noise > 0) {
        constexpr int64_t kLayerOfCondition = 0xFFFF;
        const auto t = std::llround(options_.previous_noise * static_cast<double>(schedule_.timesteps() - 1));
        level = steps(t);
        condition = schedule_.add_noise(previous, noise_like(key, index, kLayerOfCondition, previous.sizes()), level);
    }
    if (facts_.objectives[index] == "direct")
        return network.forward(at::zeros(size, views.options()), steps(0), views, condition, level);
    const infer::DiffusionSampler sampler(schedule_, diffusion_.sampler_options(), diffusion_.sampled_timesteps());
    const auto says = [&](const at::Tensor& x, int64_t t) {
        return network.forward(x, steps(t), views, condition, level);
    };
    return sampler.sample(noise_like(key, index, 0, size), says,
                          [&](int64_t t) { return noise_like(key, index, t + 1, size); });
}

infer::Prediction XrayToCtPredictor::predict(const data::Sample& sample) {
    const auto& info = *sample.info;
    if (!sample.views.defined())
        throw core::DataError(core::concat("case ", info.id, " has no X-rays to make a volume of"));
    const auto kinds = data::kinds_of(info.views);
    const auto generated = generate(info.id, choose_views(sample.views.unsqueeze(0), kinds, facts_.views)[0]);
    infer::Prediction prediction;
    prediction.volumes.push_back({"ct_generated", facts_.to_hu(onto(generated.mean, info.size()))});
    if (generated.standard_deviation.defined())
        prediction.volumes.push_back(
            {"ct_sd", onto(generated.standard_deviation, info.size()) * (facts_.hu_range() / 2)});
    return prediction;
}

}  // namespace vox::tasks
