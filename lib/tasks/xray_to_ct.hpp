#pragma once
// A CT volume from X-ray views: one stage of a cascade, by a diffusion or at once.

#include <memory>

#include "nn/xray_cascade.hpp"
#include "tasks/task_config.hpp"
#include "tasks/xray_to_ct_facts.hpp"
#include "tasks/xray_to_ct_predictor.hpp"
#include "train/task.hpp"

namespace vox::tasks {

class XrayToCt final : public train::Task {
public:
    /// Any rank, no communication: opens the shards, builds the stages, fills the earlier ones from previous_run.  `comm` is for what
    /// synchronises inside the model.  Throws as make_task, and as take_previous_stages.
    XrayToCt(const TaskConfig& config, const TaskContext& context, comm::Communicator& comm);

    torch::nn::Module& model() override { return *model_; }
    data::Loader& train_data() override { return *loader_; }
    /// The objective; and, unless its weight is 0, "physics".
    std::vector<train::Term> terms() const override;
    std::vector<double> weights(const data::Batch& batch) const override;
    /// Sums over the items: of the mean squared error of what the network says, and of loss::projection_errors_per_item of the volume
    /// that it foresees.
    std::vector<at::Tensor> loss_sums(const data::Batch& batch) override;
    /// The stage that trains; those before it are frozen.
    train::Phase phase(const train::Progress&) const override;
    std::vector<train::ValidationCase> validation_cases() const override { return validation_; }
    train::CaseFigures validate_case(const train::ValidationCase& which, bool preview) override;
    metrics::Figures summarise(std::span<const train::CaseFigures> cases) const override;
    train::KeyMetric key_metric() const override { return {"psnr", true}; }
    infer::Predictor& predictor() override { return *predictor_; }
    std::map<std::string, std::string> facts() const override { return facts_.to_texts(); }
    std::string data_digest() const override { return reader_.digest(); }

private:
    /// The volume as the network sees it at timestep `t` [B], and what it should say of it.
    struct Step {
        at::Tensor x_t, t, target;
    };
    Step make_noisy(const data::Batch& batch) const;
    /// The volume of the stage before with its noise, and the timestep of that; undefined in the first stage.
    std::pair<at::Tensor, at::Tensor> previous_of(const data::Batch& batch) const;
    at::Tensor physics_sum(const data::Batch& batch, const at::Tensor& views, const at::Tensor& foreseen) const;

    TaskConfig config_;
    std::shared_ptr<const data::ShardReader> shards_;
    const data::ShardReader& reader_;  // of shards_
    XrayToCtFacts facts_;
    ops::NoiseSchedule schedule_;
    std::vector<int64_t> timesteps_;
    std::shared_ptr<nn::XrayCascade> model_;
    std::unique_ptr<data::Loader> loader_;
    std::unique_ptr<XrayToCtPredictor> predictor_;
    std::vector<train::ValidationCase> validation_;
};

}  // namespace vox::tasks
