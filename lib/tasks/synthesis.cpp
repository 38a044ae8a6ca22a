#include "tasks/synthesis.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/transforms.hpp"
#include "loss/diffusion.hpp"
#include "nn/make_model.hpp"
#include "tasks/model_checks.hpp"
#include "tasks/synthesis_preview.hpp"
#include "train/validation.hpp"

namespace vox::tasks {
namespace {

/// Which channels of each item are what, [B,C,1,1,1] of the image's dtype and device, 0 or 1.
struct Places {
    at::Tensor target, conditions;
};

Places places_of(const at::Tensor& image, const std::vector<int64_t>& targets,
                 const std::vector<std::vector<int64_t>>& available, const std::vector<bool>& dropped) {
    const at::Tensor target = at::zeros({image.size(0), image.size(1), 1, 1, 1}, at::kFloat);
    const at::Tensor conditions = at::zeros({image.size(0), image.size(1), 1, 1, 1}, at::kFloat);
    auto* is_target = target.mutable_data_ptr<float>();
    auto* is_condition = conditions.mutable_data_ptr<float>();
    const auto channels = static_cast<size_t>(image.size(1));
    for (size_t b = 0; b < targets.size(); ++b) {
        if (targets[b] < 0) continue;
        is_target[b * channels + static_cast<size_t>(targets[b])] = 1;
        if (dropped[b]) continue;
        for (const int64_t c : available[b])
            if (c != targets[b]) is_condition[b * channels + static_cast<size_t>(c)] = 1;
    }
    return {target.to(image.options()), conditions.to(image.options())};
}

}  // namespace

Synthesis::Synthesis(const TaskConfig& config, const TaskContext& context, comm::Communicator& comm)
    : config_(checked(config, context, comm)),
      shards_(context.opened(config)),
      reader_(*shards_),
      facts_(synthesis_facts(reader_, config.synthesis.target)),
      schedule_(config.diffusion.schedule),
      timesteps_(config.diffusion.trained_timesteps()) {
    int64_t without = 0;
    for (const auto& info : reader_.cases()) available_[info.id] = available_channels(info);
    for (const size_t index : reader_.split("train"))
        without += draw_target({}, available_.at(reader_.cases()[index].id), facts_.target) < 0;
    if (without == std::ssize(reader_.split("train")))
        throw core::DataError("no training case has the channel to generate and another to generate it from");
    if (without > 0 && comm.rank() == 0)
        core::log::warning(without, " training cases lack the target or all other channels: their items count nothing");
    model_ = nn::make_denoising_model(config_.model, {.in_channels = static_cast<int64_t>(facts_.channels.size()),
                                                      .out_channels = 1,
                                                      .seed = static_cast<uint64_t>(config_.seed),
                                                      .communicator = &comm});
    model_->to(comm.device(), context.dtype);
    loader_ = std::make_unique<data::Loader>(reader_, config_.data, context.global_micro_batch, comm.rank(),
                                             comm.size(), comm.device(), context.dtype);
    predictor_ = std::make_unique<SynthesisPredictor>(model_, facts_, config_.diffusion, config_.infer,
                                                      config_.synthesis, static_cast<uint64_t>(config_.seed));
    validation_ = synthesis_cases(reader_, "val", facts_);
    const auto most = static_cast<size_t>(config_.data.max_cases);
    if (most > 0 && validation_.cases.size() > most) validation_.cases.resize(most);
}

std::vector<int64_t> Synthesis::targets(const data::Batch& batch) const {
    std::vector<int64_t> targets;
    targets.reserve(batch.keys.size());
    for (size_t b = 0; b < batch.keys.size(); ++b)
        targets.push_back(draw_target(batch.keys[b], available_.at(batch.case_ids[b]), facts_.target));
    return targets;
}

std::vector<double> Synthesis::weights(const data::Batch& batch) const {
    return {static_cast<double>(std::ranges::count_if(targets(batch), [](int64_t channel) { return channel >= 0; }))};
}

std::vector<at::Tensor> Synthesis::loss_sums(const data::Batch& batch) {
    std::vector<std::vector<int64_t>> available;
    available.reserve(batch.case_ids.size());
    for (const auto& id : batch.case_ids) available.push_back(available_.at(id));
    const auto places = places_of(batch.image, targets(batch), available,
                                  loss::draw_condition_dropout(batch.keys, config_.diffusion.condition_dropout));
    const at::Tensor x0 = (batch.image * places.target).sum(1, /*keepdim=*/true);
    const at::Tensor noise = loss::draw_noise(batch.keys, x0);
    const at::Tensor t = loss::draw_timesteps(batch.keys, timesteps_, config_.diffusion.antithetic);
    const at::Tensor x_t = schedule_.add_noise(x0, noise, t);
    const at::Tensor output = model_->forward(batch.image * places.conditions + x_t * places.target, t);
    const auto kind = ops::prediction_from(config_.diffusion.prediction);
    const at::Tensor errors = loss::squared_error_per_item(output, schedule_.target(kind, x0, noise, t));
    const at::Tensor counts = places.target.sum({1, 2, 3, 4});  // 0 where an item has no target
    return {(errors * counts.to(errors.scalar_type())).sum()};
}

train::CaseFigures Synthesis::validate_case(const train::ValidationCase& which, bool preview) {
    const auto judged = judge_synthesis(reader_, which.index, validation_.channels.at(which.index), *predictor_);
    train::CaseFigures result{which.id, synthesis_figures(judged.generated, judged.truth, facts_), std::nullopt};
    if (preview) result.preview = draw_synthesis(judged.sample, judged.generated, judged.truth, facts_);
    return result;
}

metrics::Figures Synthesis::summarise(std::span<const train::CaseFigures> cases) const {
    return summarise_synthesis(cases);
}

JudgedSynthesis judge_synthesis(const data::ShardReader& reader, size_t case_index, int64_t channel,
                                SynthesisPredictor& predictor) {
    data::Sample sample = data::load_case(reader, case_index, data::Normalisation::none);
    const at::Tensor truth = sample.image[channel].clone();
    const std::array<const data::CaseInfo*, 1> cases{sample.info};
    sample.image = data::normalise(sample.image.unsqueeze(0), cases, data::Normalisation::percentile)[0];
    auto generated = predictor.generate(sample, channel);
    return {sample, truth, std::move(generated)};
}

SynthesisCases synthesis_cases(const data::ShardReader& reader, const std::string& split, const SynthesisFacts& facts) {
    SynthesisCases chosen;
    size_t position = 0;
    for (const auto& one : train::cases_of(reader, split)) {
        const int64_t channel = judged_channel(position++, available_channels(reader.cases()[one.index]), facts.target);
        if (channel < 0) continue;
        chosen.cases.push_back(one);
        chosen.channels[one.index] = channel;
    }
    return chosen;
}

}  // namespace vox::tasks
