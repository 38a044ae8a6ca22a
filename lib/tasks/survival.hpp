#pragma once
// When a case's event will come, from its volume and its row of a table.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nn/resnet_3d.hpp"
#include "tasks/survival_facts.hpp"
#include "tasks/survival_predictor.hpp"
#include "tasks/task_config.hpp"
#include "train/task.hpp"

namespace vox::tasks {

/// Losses compare the cases of a global micro-batch with each other, wherever they are: accumulated micro-batches have risk sets of their
/// own.
class Survival final : public train::Task {
public:
    /// Any rank, no communication: opens the shards, reads the table, builds the network.  `comm` is for losses, and for what synchronises
    /// inside the model; it outlives the task.  Throws as make_task.
    Survival(const TaskConfig& config, const TaskContext& context, comm::Communicator& comm);

    torch::nn::Module& model() override { return *model_; }
    data::Loader& train_data() override { return *loader_; }
    /// The objective.
    std::vector<train::Term> terms() const override { return {{config_.survival.objective, 1.0}}; }
    /// concordance: counts each rank's comparable pairs.
    void prepare(std::span<data::Batch> batches) override;
    /// Own events, own comparable pairs, or own numbers of the table.
    std::vector<double> weights(const data::Batch& batch) const override;
    std::vector<at::Tensor> loss_sums(const data::Batch& batch) override;
    /// "head", while the layers before the last ones are frozen, then "train".
    train::Phase phase(const train::Progress& progress) const override;

    std::vector<train::ValidationCase> validation_cases() const override { return validation_; }
    train::CaseFigures validate_case(const train::ValidationCase& which, bool preview) override;
    metrics::Figures summarise(std::span<const train::CaseFigures> cases) const override;
    train::KeyMetric key_metric() const override;
    /// The training cases, whose risks under the best weights give the baseline hazard.
    std::vector<train::ValidationCase> cases_behind_best() const override;
    train::BestFindings behind_best(std::span<const train::CaseFigures> behind,
                                    std::span<const train::CaseFigures> validated) const override;

    infer::Predictor& predictor() override { return *predictor_; }
    std::map<std::string, std::string> facts() const override { return fact_texts_; }
    std::string data_digest() const override { return reader_.digest(); }

private:
    /// The rows of the batch's cases, on the host: times and events [B], rows [B,columns] float64.
    struct Rows {
        at::Tensor times, events, features;
    };
    Rows rows_of(const data::Batch& batch) const;

    TaskConfig config_;
    comm::Communicator& comm_;
    std::shared_ptr<const data::ShardReader> shards_;
    const data::ShardReader& reader_;  // of shards_
    std::vector<size_t> training_;
    SurvivalFacts facts_;
    std::map<std::string, std::string> fact_texts_;
    /// What the table says of a training case.
    struct Row {
        metrics::Outcome outcome;  // of a regression: none
        std::vector<double> features;
    };
    std::map<std::string, Row> rows_;  // by case
    std::shared_ptr<nn::ResNet3d> model_;
    std::unique_ptr<data::Loader> loader_;
    std::unique_ptr<SurvivalPredictor> predictor_;
    std::vector<train::ValidationCase> validation_;
    int64_t steps_per_epoch_ = 1;
    std::map<const data::Batch*, double> pairs_;  // of the step's micro-batches
};

/// The network of these options for rows of `features`; null communicator: one rank predicts alone.
std::shared_ptr<nn::ResNet3d> make_survival_model(const TaskConfig& config, const SurvivalFacts& facts,
                                                  comm::Communicator* comm);

}  // namespace vox::tasks
