#include "tasks/task_config.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"
#include "nn/make_model.hpp"

namespace vox::tasks {
namespace {

/// What a section is for, where not all tasks read it.
struct Owner {
    const char* prefix;
    std::vector<std::string> tasks;
};

const std::vector<Owner>& owners() {
    static const std::vector<Owner> all{{"loss.", {"segmentation"}},
                                        {"metrics.", {"segmentation"}},
                                        {"infer.keep_largest", {"segmentation"}},
                                        {"infer.connectivity", {"segmentation"}},
                                        {"diffusion.", {"synthesis"}},
                                        {"synthesis.", {"synthesis"}}};
    return all;
}

/// The network and the intensities that a task is usually trained with.
void set_defaults(TaskConfig& config) {
    if (config.task != "synthesis") return;
    config.model = nn::ModelOptions::of("fast_ddpm_3d");
    config.data.normalisation = "percentile";
    config.data.foreground_ratio = 0;
    config.data.intensity_scale = config.data.intensity_shift = 0;
}

void check_together(const config::Section& root, const TaskConfig& config) {
    const bool denoises =
        std::ranges::find(nn::denoising_model_names(), config.model.name) != nn::denoising_model_names().end();
    root.require(denoises == (config.task == "synthesis"),
                 core::concat("task '", config.task, "' cannot train the network '", config.model.name,
                              denoises ? "', which is one of diffusions: say task: synthesis, or another model.name"
                                       : "', which is not told how much noise it sees: say model.name: fast_ddpm_3d"));
    root.require(config.task != "synthesis" || config.data.normalisation == "percentile",
                 "task 'synthesis' needs data.normalisation: percentile: a diffusion works on intensities of -1 .. 1");
}

}  // namespace

void TaskConfig::read(config::Section& root) {
    root.choice("task", task, {"segmentation", "synthesis"}, "what is trained");
    set_defaults(*this);
    root.value("seed", seed, "of order, crops, augmentation, dropout, noise and initial weights");
    root.require(seed >= 0, "seed must not be negative");
    config::Section data_section = root.section("data", "reading and augmenting");
    data.read(data_section);
    data.seed = seed;
    config::Section model_section = root.section("model", "the network");
    model.read(model_section);
    config::Section loss_section = root.section("loss", "segmentation: what training makes small");
    loss.read(loss_section);
    config::Section diffusion_section = root.section("diffusion", "synthesis: noise, and the way out of it");
    diffusion.read(diffusion_section);
    config::Section synthesis_section = root.section("synthesis", "synthesis: what is generated");
    synthesis.read(synthesis_section);
    config::Section infer_section =
        root.section("infer", "sliding window of validation and inference, and label maps out of it");
    infer.read(infer_section);
    clean_up.read(infer_section);
    config::Section metrics_section = root.section("metrics", "segmentation: figures of validation");
    metrics.read(metrics_section);
    check_together(root, *this);
}

void TaskConfig::check_effect(const std::vector<config::KeyRecord>& keys) const {
    for (const auto& key : keys) {
        const auto owner =
            std::ranges::find_if(owners(), [&](const Owner& one) { return key.path.starts_with(one.prefix); });
        if (owner == owners().end() || key.value == key.default_value) continue;
        if (std::ranges::find(owner->tasks, task) != owner->tasks.end()) continue;
        throw core::ConfigError(core::concat(key.path, " has no effect with task '", task, "': it is of ",
                                             core::join(owner->tasks), "; leave it out"));
    }
}

}  // namespace vox::tasks
