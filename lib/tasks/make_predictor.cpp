#include "tasks/make_predictor.hpp"

#include "checkpoint/load.hpp"
#include "core/error.hpp"
#include "nn/make_model.hpp"

namespace vox::tasks {

TrainedSegmentation make_predictor(const std::filesystem::path& path, bool best, at::Device device) {
    const auto choice = checkpoint::find(path, best);
    auto state = checkpoint::load(choice);
    auto document = config::Document::parse(state.manifest.config_yaml, choice.folder.string() + "/manifest.json");
    auto root = document.root();
    TrainedSegmentation trained;
    trained.config.read(root);
    trained.checkpoint = choice.folder;
    if (trained.config.task != "segmentation")
        throw core::DataError(choice.folder.string() + " holds a " + trained.config.task +
                              " model, not a segmentation");
    auto facts = SegmentationFacts::from_texts(state.manifest.facts);
    // One rank predicts alone: running statistics are fixed, so that no layer communicates.
    auto options = trained.config.model;
    if (options.norm == "sync_batch") options.norm = "batch";
    auto model = nn::make_model(options, {.in_channels = static_cast<int64_t>(facts.channels.size()),
                                          .out_channels = facts.out_channels(),
                                          .seed = 0,
                                          .communicator = nullptr});
    checkpoint::copy_into(checkpoint::module_state(*model), state.ema.empty() ? state.model : state.ema,
                          choice.folder.string(), /*any_dtype=*/true);
    model->to(device);
    model->eval();
    trained.predictor =
        std::make_unique<SegmentationPredictor>(model, std::move(facts), trained.config.infer, trained.config.clean_up);
    return trained;
}

}  // namespace vox::tasks
