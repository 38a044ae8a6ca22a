#include "tasks/make_predictor.hpp"

#include "nn/make_model.hpp"
#include "tasks/survival.hpp"

namespace vox::tasks {
namespace {

/// One rank predicts alone: running statistics are fixed, so that no layer communicates.
nn::ModelOptions for_one_rank(nn::ModelOptions options) {
    if (options.norm == "sync_batch") options.norm = "batch";
    return options;
}

void take_weights(torch::nn::Module& model, const TrainedRun& trained, at::Device device) {
    checkpoint::copy_into(checkpoint::module_state(model), best_weights(trained), trained.checkpoint.string(),
                          /*any_dtype=*/true);
    model.to(device);
    model.eval();
}

}  // namespace

std::unique_ptr<SegmentationPredictor> make_segmentation_predictor(const TrainedRun& trained, at::Device device) {
    check_task(trained, "segmentation");
    auto facts = SegmentationFacts::from_texts(trained.state.manifest.facts);
    const auto model =
        nn::make_model(for_one_rank(trained.config.model), {.in_channels = static_cast<int64_t>(facts.channels.size()),
                                                            .out_channels = facts.out_channels(),
                                                            .seed = 0,
                                                            .communicator = nullptr});
    take_weights(*model, trained, device);
    return std::make_unique<SegmentationPredictor>(model, std::move(facts), trained.config.infer,
                                                   trained.config.clean_up);
}

std::unique_ptr<SynthesisPredictor> make_synthesis_predictor(const TrainedRun& trained, at::Device device) {
    check_task(trained, "synthesis");
    auto facts = SynthesisFacts::from_texts(trained.state.manifest.facts);
    const auto model = nn::make_denoising_model(for_one_rank(trained.config.model),
                                                {.in_channels = static_cast<int64_t>(facts.channels.size()),
                                                 .out_channels = 1,
                                                 .seed = 0,
                                                 .communicator = nullptr});
    take_weights(*model, trained, device);
    return std::make_unique<SynthesisPredictor>(model, std::move(facts), trained.config.diffusion, trained.config.infer,
                                                trained.config.synthesis, static_cast<uint64_t>(trained.config.seed));
}

std::unique_ptr<XrayToCtPredictor> make_xray_to_ct_predictor(const TrainedRun& trained, at::Device device) {
    check_task(trained, "xray_to_ct");
    auto facts = XrayToCtFacts::from_texts(trained.state.manifest.facts);
    auto options = trained.config.xray_to_ct;
    options.network.xray.norm = for_one_rank(trained.config.model).norm;
    const auto model = std::make_shared<nn::XrayCascade>(options.network, options.index() + 1, 0, nullptr);
    take_weights(*model, trained, device);
    return std::make_unique<XrayToCtPredictor>(model, std::move(facts), trained.config.diffusion, options,
                                               static_cast<uint64_t>(trained.config.seed));
}

std::unique_ptr<SurvivalPredictor> make_survival_predictor(const TrainedRun& trained, at::Device device) {
    check_task(trained, "survival");
    auto facts = SurvivalFacts::from_texts(trained.state.manifest.facts);
    const auto model = make_survival_model(trained.config, facts, nullptr);
    take_weights(*model, trained, device);
    return std::make_unique<SurvivalPredictor>(model, std::move(facts), trained.config.resnet_3d.tabular.is_used(),
                                               trained.config.survival.eval_times);
}

std::unique_ptr<PromptedPredictor> make_prompted_predictor(const TrainedRun& trained, at::Device device) {
    check_task(trained, "prompted_segmentation");
    auto facts = PromptedFacts::from_texts(trained.state.manifest.facts);
    auto network = facts.complete(trained.config.prompted_segmentor);
    network.norm = for_one_rank(trained.config.model).norm;
    const auto model = std::make_shared<nn::PromptedSegmentor>(network, 0, nullptr);
    take_weights(*model, trained, device);
    const auto& data = trained.config.data;
    return std::make_unique<PromptedPredictor>(model, std::move(facts), network,
                                               WholeImages{data.whole(), data.intensities()});
}

}  // namespace vox::tasks
