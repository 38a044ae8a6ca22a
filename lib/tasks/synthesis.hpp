#pragma once
// Synthesis of one channel from the others by a diffusion (Fast-DDPM): what is noisy takes its own place among the channels.

#include <map>
#include <memory>

#include "nn/denoising_model.hpp"
#include "tasks/synthesis_figures.hpp"
#include "tasks/synthesis_predictor.hpp"
#include "tasks/task_config.hpp"
#include "train/task.hpp"

namespace vox::tasks {

/// The cases of a split that can be judged, and the channel that each is judged on: the fixed target, else in turn.
struct SynthesisCases {
    std::vector<train::ValidationCase> cases;
    std::map<size_t, int64_t> channels;  // by index into the reader
};

class Synthesis final : public train::Task {
public:
    /// Any rank, no communication: opens the shards, measures the channels' windows, builds model and loader.  `comm` is for what
    /// synchronises inside the model.  Throws as make_task.
    Synthesis(const TaskConfig& config, const TaskContext& context, comm::Communicator& comm);

    torch::nn::Module& model() override { return *model_; }
    data::Loader& train_data() override { return *loader_; }
    std::vector<train::Term> terms() const override { return {{"diffusion", 1.0}}; }
    std::vector<double> weights(const data::Batch& batch) const override;
    /// The mean squared error of what the network says of an item, summed over the items that have a target.
    std::vector<at::Tensor> loss_sums(const data::Batch& batch) override;
    std::vector<train::ValidationCase> validation_cases() const override { return validation_.cases; }
    train::CaseFigures validate_case(const train::ValidationCase& which, bool preview) override;
    metrics::Figures summarise(std::span<const train::CaseFigures> cases) const override;
    train::KeyMetric key_metric() const override { return {"psnr_brain", true}; }
    infer::Predictor& predictor() override { return *predictor_; }
    std::map<std::string, std::string> facts() const override { return facts_.to_texts(); }
    std::string data_digest() const override { return reader_.digest(); }

private:
    std::vector<int64_t> targets(const data::Batch& batch) const;

    TaskConfig config_;
    std::shared_ptr<const data::ShardReader> shards_;
    const data::ShardReader& reader_;  // of shards_
    SynthesisFacts facts_;
    ops::NoiseSchedule schedule_;
    std::vector<int64_t> timesteps_;
    std::map<std::string, std::vector<int64_t>> available_;  // by case
    std::shared_ptr<nn::DenoisingModel> model_;
    std::unique_ptr<data::Loader> loader_;
    std::unique_ptr<SynthesisPredictor> predictor_;
    SynthesisCases validation_;
};

/// A case of shards as it was judged.
struct JudgedSynthesis {
    data::Sample sample;  // normalised
    at::Tensor truth;  // [D,H,W] intensities of the generated channel
    GeneratedChannel generated;
};

/// Any rank, no communication: generates `channel` of a case that has it.
JudgedSynthesis judge_synthesis(const data::ShardReader& reader, size_t case_index, int64_t channel,
                                SynthesisPredictor& predictor);

SynthesisCases synthesis_cases(const data::ShardReader& reader, const std::string& split, const SynthesisFacts& facts);

}  // namespace vox::tasks
