#include "tasks/segmentation.hpp"

#include <cmath>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "infer/compose_labels.hpp"
#include "metrics/dice.hpp"
#include "nn/make_model.hpp"
#include "tasks/segmentation_preview.hpp"

namespace vox::tasks {

Segmentation::Segmentation(const TaskConfig& config, const TaskContext& context, comm::Communicator& comm)
    : config_(config),
      reader_(context.shards, config.data.cache_bytes()),
      facts_(learnable_regions(reader_, config.loss.exclusive())),
      loss_(config.loss, facts_) {
    for (int64_t k = 0; k < static_cast<int64_t>(facts_.active.size()); ++k) {
        if (facts_.active[static_cast<size_t>(k)])
            active_.push_back(k);
        else if (comm.rank() == 0)
            core::log::warning("no training case has a voxel of region ", region_name(k),
                               ": it is left out of the loss and of label maps");
    }
    if (config_.model.norm == "batch" && comm.size() > 1)
        throw core::ConfigError(
            "model.norm: 'batch' normalises each rank by its own items, so that ranks drift apart; "
            "use 'sync_batch' on more than one rank");
    model_ = nn::make_model(config_.model, {.in_channels = static_cast<int64_t>(facts_.channels.size()),
                                            .out_channels = facts_.out_channels(),
                                            .seed = static_cast<uint64_t>(config_.seed),
                                            .communicator = &comm});
    model_->to(comm.device(), context.dtype);
    loader_ = std::make_unique<data::Loader>(reader_, config_.data, context.global_micro_batch, comm.rank(),
                                             comm.size(), comm.device(), context.dtype);
    predictor_ = std::make_unique<SegmentationPredictor>(model_, facts_, config_.infer, config_.clean_up);
}

std::vector<double> Segmentation::weights(const data::Batch& batch) const {
    return std::vector<double>(loss_.terms().size(), static_cast<double>(batch.size()));
}

std::vector<at::Tensor> Segmentation::loss_sums(const data::Batch& batch) {
    return loss_.sums(model_->forward(batch.image), batch.label);
}

std::vector<train::ValidationCase> Segmentation::validation_cases() const {
    std::vector<train::ValidationCase> cases;
    for (const size_t index : reader_.split("val")) {
        const auto& info = reader_.cases()[index];
        const auto size = info.size();
        if (info.has_label) cases.push_back({info.id, index, static_cast<double>(size[0] * size[1] * size[2])});
    }
    return cases;
}

train::CaseFigures Segmentation::validate_case(const train::ValidationCase& which, bool preview) {
    const auto sample = data::load_case(reader_, which.index, data::normalisation(config_.data.normalisation));
    const auto prediction = predictor_->predict(sample);
    const auto dice = metrics::dice_per_channel(infer::region_masks(prediction.label_map, facts_.scheme),
                                                infer::region_masks(sample.label, facts_.scheme),
                                                metrics::empty_rule(config_.empty_rule));
    train::CaseFigures result{which.id, {}, std::nullopt};
    for (const int64_t k : active_) result.figures.emplace_back("dice/" + region_name(k), dice[static_cast<size_t>(k)]);
    if (preview) result.preview = draw_case(sample, prediction.label_map, facts_);
    return result;
}

/// "dice" (the mean over learnt regions) first, then each region's mean over the cases that have a figure.
metrics::Figures Segmentation::summarise(std::span<const train::CaseFigures> cases) const {
    metrics::Figures figures{{"dice", 0.0}};
    for (size_t k = 0; k < active_.size(); ++k) {
        double sum = 0, count = 0;
        for (const auto& one : cases) {
            const double value = one.figures.at(k).second;
            if (std::isnan(value)) continue;
            sum += value;
            ++count;
        }
        figures.emplace_back("dice/" + region_name(active_[k]), count > 0 ? sum / count : std::nan(""));
        figures.front().second += figures.back().second / static_cast<double>(active_.size());
    }
    return figures;
}

}  // namespace vox::tasks
