#include "tasks/make_predictor.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "nn/make_model.hpp"

namespace vox::tasks {
namespace {

void check_task(const TrainedRun& trained, const char* task) {
    if (trained.config.task != task)
        throw core::DataError(
            core::concat(trained.checkpoint.string(), " holds a ", trained.config.task, " model, not one of ", task));
}

/// One rank predicts alone: running statistics are fixed, so that no layer communicates.
nn::ModelOptions for_one_rank(nn::ModelOptions options) {
    if (options.norm == "sync_batch") options.norm = "batch";
    return options;
}

void take_weights(torch::nn::Module& model, const TrainedRun& trained, at::Device device) {
    const auto& state = trained.state;
    checkpoint::copy_into(checkpoint::module_state(model), state.ema.empty() ? state.model : state.ema,
                          trained.checkpoint.string(), /*any_dtype=*/true);
    model.to(device);
    model.eval();
}

}  // namespace

TrainedRun load_trained(const std::filesystem::path& path, bool best) {
    const auto choice = checkpoint::find(path, best);
    TrainedRun trained;
    trained.state = checkpoint::load(choice);
    trained.state.optimizer.clear();  // twice the weights' memory, and of no use here
    trained.checkpoint = choice.folder;
    auto document =
        config::Document::parse(trained.state.manifest.config_yaml, choice.folder.string() + "/manifest.json");
    auto root = document.root();
    trained.config.read(root);
    return trained;
}

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

}  // namespace vox::tasks
