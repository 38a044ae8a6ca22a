#include "tasks/xray_to_ct.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "loss/diffusion.hpp"
#include "loss/projection.hpp"
#include "ops/projection.hpp"
#include "ops/random_tensor.hpp"
#include "tasks/model_checks.hpp"
#include "tasks/previous_stages.hpp"
#include "tasks/xray_to_ct_figures.hpp"
#include "tasks/xray_views.hpp"
#include "train/validation.hpp"

namespace vox::tasks {

XrayToCt::XrayToCt(const TaskConfig& config, const TaskContext& context, comm::Communicator& comm)
    : config_(checked(config, context, comm)),
      shards_(context.opened(config)),
      reader_(*shards_),
      facts_(xray_to_ct_facts(reader_, {config.data.window[0], config.data.window[1]},
                              config.xray_to_ct.network.xray.num_views)),
      schedule_(config.diffusion.schedule),
      timesteps_(config.diffusion.trained_timesteps()),
      model_(std::make_shared<nn::XrayCascade>(config.xray_to_ct.network, config.xray_to_ct.index() + 1,
                                               static_cast<uint64_t>(config.seed), &comm)) {
    facts_.objectives = take_previous_stages(*model_, config_, facts_);
    facts_.objectives.push_back(config_.xray_to_ct.objective);
    model_->to(comm.device(), context.dtype);
    loader_ = std::make_unique<data::Loader>(reader_, config_.data, context.global_micro_batch, comm.rank(),
                                             comm.size(), comm.device(), context.dtype);
    predictor_ = std::make_unique<XrayToCtPredictor>(model_, facts_, config_.diffusion, config_.xray_to_ct,
                                                     static_cast<uint64_t>(config_.seed));
    validation_ = train::cases_of(reader_, "val");
    const auto most = static_cast<size_t>(config_.data.max_cases);
    if (most > 0 && validation_.size() > most) validation_.resize(most);
}

std::vector<train::Term> XrayToCt::terms() const {
    std::vector<train::Term> terms{{config_.xray_to_ct.objective, 1.0}};
    if (config_.xray_to_ct.physics_weight > 0) terms.push_back({"physics", config_.xray_to_ct.physics_weight});
    return terms;
}

std::vector<double> XrayToCt::weights(const data::Batch& batch) const {
    return std::vector<double>(terms().size(), static_cast<double>(batch.size()));
}

train::Phase XrayToCt::phase(const train::Progress&) const {
    train::Phase phase{.name = nn::stage_name(config_.xray_to_ct.index()), .frozen = {}, .steps = 0};
    for (size_t i = 0; i < config_.xray_to_ct.index(); ++i) phase.frozen.push_back(nn::stage_name(i) + ".");
    return phase;
}

XrayToCt::Step XrayToCt::make_noisy(const data::Batch& batch) const {
    const at::Tensor& x0 = batch.image;
    if (config_.xray_to_ct.objective == "direct") return {at::zeros_like(x0), at::zeros({batch.size()}, at::kLong), x0};
    const at::Tensor noise = loss::draw_noise(batch.keys, x0);
    const at::Tensor t = loss::draw_timesteps(batch.keys, timesteps_, config_.diffusion.antithetic);
    const auto kind = ops::prediction_from(config_.diffusion.prediction);
    return {schedule_.add_noise(x0, noise, t), t, schedule_.target(kind, x0, noise, t)};
}

std::pair<at::Tensor, at::Tensor> XrayToCt::previous_of(const data::Batch& batch) const {
    const auto& options = config_.xray_to_ct;
    if (options.stage == 1) return {};
    const at::Tensor previous = as_earlier_stage(batch.image, options.volume_size(options.index() - 1));
    const auto count = std::llround(options.previous_noise_most * static_cast<double>(schedule_.timesteps()));
    if (count == 0) return {previous, {}};
    const at::Tensor t = at::empty({batch.size()}, at::kLong);
    for (size_t b = 0; b < batch.keys.size(); ++b)
        t.mutable_data_ptr<int64_t>()[b] =
            ops::random_below(batch.keys[b], ops::Purpose::previous_timestep, 0, 0, static_cast<uint32_t>(count));
    const at::Tensor noise =
        ops::random_normal_tensor(batch.keys, ops::Purpose::previous_noise, 0, previous.sizes(), previous.options());
    return {schedule_.add_noise(previous, noise, t), t};
}

at::Tensor XrayToCt::physics_sum(const data::Batch& batch, const at::Tensor& views, const at::Tensor& foreseen) const {
    const at::Tensor hu = facts_.to_hu(foreseen.to(batch.image.scalar_type()));
    return loss::projection_errors_per_item(ops::attenuation_of_hu(hu), batch.spacing_mm, views, facts_.views,
                                            facts_.unit)
        .sum();
}

std::vector<at::Tensor> XrayToCt::loss_sums(const data::Batch& batch) {
    const auto& options = config_.xray_to_ct;
    const at::Tensor views = choose_views(batch.views, batch.view_kinds, facts_.views);
    const auto step = make_noisy(batch);
    const auto [previous, previous_t] = previous_of(batch);
    const at::Tensor said =
        model_->stage(options.index())
            .forward(step.x_t, step.t, views_for_network(views, facts_.unit, options.network.xray.img_size), previous,
                     previous_t);
    std::vector<at::Tensor> sums{loss::squared_error_per_item(said, step.target).sum()};
    if (options.physics_weight == 0) return sums;
    const auto kind = ops::prediction_from(config_.diffusion.prediction);
    const bool direct = options.objective == "direct";
    sums.push_back(physics_sum(batch, views, direct ? said : schedule_.x0_of(kind, said, step.x_t, step.t)));
    return sums;
}

train::CaseFigures XrayToCt::validate_case(const train::ValidationCase& which, bool preview) {
    const auto judged = judge_xray_to_ct(reader_, which.index, *predictor_);
    train::CaseFigures result{which.id, xray_to_ct_figures(judged, facts_), std::nullopt};
    if (preview) result.preview = draw_xray_to_ct(judged);
    return result;
}

metrics::Figures XrayToCt::summarise(std::span<const train::CaseFigures> cases) const {
    return summarise_xray_to_ct(cases);
}

}  // namespace vox::tasks
