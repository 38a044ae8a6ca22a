#include "tasks/segmentation.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "nn/make_model.hpp"
#include "tasks/model_checks.hpp"
#include "tasks/segmentation_preview.hpp"
#include "train/validation.hpp"

namespace vox::tasks {

Segmentation::Segmentation(const TaskConfig& config, const TaskContext& context, comm::Communicator& comm)
    : config_(checked(config, context, comm)),
      shards_(context.opened(config)),
      reader_(*shards_),
      facts_(learnable_regions(reader_, config.loss.exclusive())),
      loss_(config.loss, facts_) {
    for (const auto& region : facts_.inactive_names()) {
        if (comm.rank() == 0)
            core::log::warning("no training case has a voxel of region ", region,
                               ": it is left out of the loss and of label maps");
    }
    model_ = nn::make_model(config_.model, {.in_channels = static_cast<int64_t>(facts_.channels.size()),
                                            .out_channels = facts_.out_channels(),
                                            .seed = static_cast<uint64_t>(config_.seed),
                                            .communicator = &comm});
    model_->to(comm.device(), context.dtype);
    loader_ = std::make_unique<data::Loader>(reader_, config_.data, context.global_micro_batch, comm.rank(),
                                             comm.size(), comm.device(), context.dtype);
    predictor_ = std::make_unique<SegmentationPredictor>(model_, facts_, config_.infer, config_.clean_up);
    figures_ = std::make_unique<SegmentationFigures>(config_.metrics, facts_.scheme, facts_.active);
    key_metric_ = figures_->key_metric();
}

std::vector<double> Segmentation::weights(const data::Batch& batch) const {
    return std::vector<double>(loss_.terms().size(), static_cast<double>(batch.size()));
}

std::vector<at::Tensor> Segmentation::loss_sums(const data::Batch& batch) {
    return loss_.sums(model_->forward(batch.image), batch.label);
}

std::vector<train::ValidationCase> Segmentation::validation_cases() const {
    auto cases = train::labelled_cases(reader_, "val");
    const auto most = static_cast<size_t>(config_.data.max_cases);
    if (most > 0 && cases.size() > most) cases.erase(cases.begin() + config_.data.max_cases, cases.end());
    return cases;
}

train::CaseFigures Segmentation::validate_case(const train::ValidationCase& which, bool preview) {
    const auto sample = data::load_case(reader_, which.index, config_.data.intensities());
    const auto prediction = predictor_->predict(sample);
    train::CaseFigures result{which.id, {}, std::nullopt};
    result.figures = figures_->of_case(judged(prediction, facts_.scheme, sample, facts_.scheme));
    if (preview) result.preview = draw_case(sample, prediction.label_map, facts_);
    return result;
}

metrics::Figures Segmentation::summarise(std::span<const train::CaseFigures> cases) const {
    return figures_->summarise(cases);
}

}  // namespace vox::tasks
