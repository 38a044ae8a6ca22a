#include "tasks/task_config.hpp"

namespace vox::tasks {

void TaskConfig::read(config::Section& root) {
    root.choice("task", task, {"segmentation"}, "what is trained");
    root.value("seed", seed, "of order, crops, augmentation, dropout and initial weights");
    root.require(seed >= 0, "seed must not be negative");
    config::Section data_section = root.section("data", "reading and augmenting");
    data.read(data_section);
    data.seed = seed;
    config::Section model_section = root.section("model", "the network");
    model.read(model_section);
    config::Section loss_section = root.section("loss", "what training makes small");
    loss.read(loss_section);
    config::Section infer_section =
        root.section("infer", "sliding window of validation and inference, and their label maps");
    infer.read(infer_section);
    clean_up.read(infer_section);
    config::Section metrics_section = root.section("metrics", "figures of validation");
    metrics.read(metrics_section);
}

}  // namespace vox::tasks
