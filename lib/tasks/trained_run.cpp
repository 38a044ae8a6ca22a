#include "tasks/trained_run.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::tasks {

namespace {

TrainedRun with_config(checkpoint::State state, const std::filesystem::path& folder) {
    TrainedRun trained;
    trained.state = std::move(state);
    trained.checkpoint = folder;
    auto document = config::Document::parse(trained.state.manifest.config_yaml, folder.string() + "/manifest.json");
    auto root = document.root();
    trained.config.read(root);
    return trained;
}

}  // namespace

TrainedRun load_trained(const std::filesystem::path& path, bool best) {
    const auto choice = checkpoint::find(path, best);
    auto state = checkpoint::load(choice);
    state.optimizer.clear();  // twice the weights' memory, and of no use here
    return with_config(std::move(state), choice.folder);
}

TrainedRun peek_trained(const std::filesystem::path& path, bool best) {
    const auto choice = checkpoint::find(path, best);
    return with_config({checkpoint::peek(choice), {}, {}, {}}, choice.folder);
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
