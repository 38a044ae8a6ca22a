#include "tasks/trained_run.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::tasks {

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

void check_task(const TrainedRun& trained, const char* task) {
    if (trained.config.task != task)
        throw core::DataError(
            core::concat(trained.checkpoint.string(), " holds a ", trained.config.task, " model, not one of ", task));
}

const checkpoint::NamedTensors& best_weights(const TrainedRun& trained) {
    return trained.state.ema.empty() ? trained.state.model : trained.state.ema;
}

}  // namespace vox::tasks
