#include "tasks/survival_predictor.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>

#include "core/error.hpp"
#include "core/text.hpp"
#include "metrics/survival_baseline.hpp"

namespace vox::tasks {

std::string survival_name(double time) { return core::concat("S(", time, ")"); }

SurvivalPredictor::SurvivalPredictor(std::shared_ptr<nn::ResNet3d> model, SurvivalFacts facts, bool uses_table,
                                     std::vector<double> times)
    : model_(std::move(model)), facts_(std::move(facts)), uses_table_(uses_table), times_(std::move(times)) {}

std::vector<double> SurvivalPredictor::evaluate(const data::Sample& sample) {
    const at::NoGradGuard no_grad;
    const auto options = model_->parameters().front().options();
    at::Tensor row;
    if (uses_table_) {
        auto values = facts_.features.row(*sample.info);
        row = at::from_blob(values.data(), {1, static_cast<int64_t>(values.size())}, at::kDouble)
                  .to(options, false, true);
    }
    const bool trained = model_->is_training();
    std::vector<std::pair<torch::nn::Module*, bool>> modes;  // frozen modules are in evaluation mode
    for (const auto& module : model_->modules()) modes.emplace_back(module.get(), module->is_training());
    if (trained) model_->eval();
    const at::Tensor said =
        model_->forward(sample.image.unsqueeze(0).to(options), row).to(at::kDouble).cpu().contiguous();
    if (trained)
        for (const auto& [module, mode] : modes) module->train(mode);
    return {said.const_data_ptr<double>(), said.const_data_ptr<double>() + said.numel()};
}

infer::Prediction SurvivalPredictor::predict(const data::Sample& sample) {
    const auto said = evaluate(sample);
    infer::Prediction prediction;
    if (facts_.training.empty()) {  // a regression
        prediction.values = facts_.features.in_units(said);
        return prediction;
    }
    prediction.values.emplace_back("risk", said.front());
    if (!facts_.log_hazard) return prediction;
    for (const double time : times_)
        prediction.values.emplace_back(survival_name(time),
                                       metrics::survival_probability(*facts_.log_hazard, said.front(), time));
    return prediction;
}

}  // namespace vox::tasks
