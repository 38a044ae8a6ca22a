#pragma once
// Segments what a prompt means: words, a point, or a box.

#include <memory>
#include <vector>

#include "nn/prompted_segmentor.hpp"
#include "tasks/prompted_figures.hpp"
#include "tasks/prompted_predictor.hpp"
#include "tasks/task_config.hpp"
#include "train/task.hpp"

namespace vox::tasks {

class PromptedSegmentation final : public train::Task {
public:
    /// Any rank, no communication: opens the shards, reads what cases may be asked, builds the network.  `comm` is for what synchronises
    /// inside the model.  Throws as make_task; ConfigError for flips along an axis that structures are named by.
    PromptedSegmentation(const TaskConfig& config, const TaskContext& context, comm::Communicator& comm);

    torch::nn::Module& model() override { return *model_; }
    data::Loader& train_data() override { return *loader_; }
    /// "bce" and "dice" of the mask; "position" and "answer" unless their weights are 0.
    std::vector<train::Term> terms() const override;
    /// Items, items, items that have a position, words of answers.
    std::vector<double> weights(const data::Batch& batch) const override;
    std::vector<at::Tensor> loss_sums(const data::Batch& batch) override;
    std::vector<train::ValidationCase> validation_cases() const override { return validation_; }
    train::CaseFigures validate_case(const train::ValidationCase& which, bool preview) override;
    metrics::Figures summarise(std::span<const train::CaseFigures> cases) const override;
    train::KeyMetric key_metric() const override { return {"dice", true}; }
    infer::Predictor& predictor() override { return *predictor_; }
    std::map<std::string, std::string> facts() const override { return fact_texts_; }
    std::string data_digest() const override { return reader_.digest(); }

private:
    /// What each item of the batch is asked, but for points in its mask, which only the label tells.
    std::vector<Question> questions_of(const data::Batch& batch) const;
    /// [B,1,D,H,W] bool.
    at::Tensor masks_of(const data::Batch& batch, std::span<const Question> questions) const;
    void check_cases(const comm::Communicator& comm) const;
    bool learns_positions() const { return config_.prompted.position_weight > 0; }
    bool learns_answers() const { return config_.prompted.answer_weight > 0 && network_.answer_blocks > 0; }

    TaskConfig config_;
    std::shared_ptr<const data::ShardReader> shards_;
    const data::ShardReader& reader_;  // of shards_
    PromptedFacts facts_;
    std::map<std::string, std::string> fact_texts_;
    nn::PromptedSegmentorOptions network_;
    Questioner questioner_;
    std::map<std::string, size_t> index_;  // of training cases
    std::shared_ptr<nn::PromptedSegmentor> model_;
    std::unique_ptr<data::Loader> loader_;
    std::unique_ptr<PromptedPredictor> predictor_;
    std::vector<train::ValidationCase> validation_;
};

}  // namespace vox::tasks
