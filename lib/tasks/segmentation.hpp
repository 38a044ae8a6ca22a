#pragma once
// Segmentation of nested or separate regions: a sigmoid a region or a softmax over classes, exact sliding-window validation.

#include <memory>

#include "tasks/segmentation_figures.hpp"
#include "tasks/segmentation_loss.hpp"
#include "tasks/segmentation_predictor.hpp"
#include "tasks/task_config.hpp"
#include "train/task.hpp"

namespace vox::tasks {

class Segmentation final : public train::Task {
public:
    /// Any rank, no communication: opens the shards, names regions that cannot be learnt, builds model and loader.  `comm` is
    /// for what synchronises inside the model.  Throws as make_task.
    Segmentation(const TaskConfig& config, const TaskContext& context, comm::Communicator& comm);

    torch::nn::Module& model() override { return *model_; }
    data::Loader& train_data() override { return *loader_; }
    std::vector<train::Term> terms() const override { return loss_.terms(); }
    std::vector<double> weights(const data::Batch& batch) const override;
    std::vector<at::Tensor> loss_sums(const data::Batch& batch) override;
    std::vector<train::ValidationCase> validation_cases() const override;
    train::CaseFigures validate_case(const train::ValidationCase& which, bool preview) override;
    metrics::Figures summarise(std::span<const train::CaseFigures> cases) const override;
    train::KeyMetric key_metric() const override { return key_metric_; }
    infer::Predictor& predictor() override { return *predictor_; }
    std::map<std::string, std::string> facts() const override { return facts_.to_texts(); }
    std::string data_digest() const override { return reader_.digest(); }

private:
    TaskConfig config_;
    std::shared_ptr<const data::ShardReader> shards_;
    const data::ShardReader& reader_;  // of shards_
    SegmentationFacts facts_;
    SegmentationLoss loss_;
    std::shared_ptr<nn::Model> model_;
    std::unique_ptr<data::Loader> loader_;
    std::unique_ptr<SegmentationPredictor> predictor_;
    std::unique_ptr<SegmentationFigures> figures_;
    train::KeyMetric key_metric_;
};

}  // namespace vox::tasks
