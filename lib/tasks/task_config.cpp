#include "tasks/task_config.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"
#include "nn/make_model.hpp"
#include "tasks/open_shards.hpp"

namespace vox::tasks {
namespace {

/// What a section is for, where not all tasks read it.  Of several prefixes of a key the first one counts.
struct Owner {
    const char* prefix;
    std::vector<std::string> tasks;
};

const std::vector<Owner>& owners() {
    static const std::vector<Owner> all{{"loss.", {"segmentation"}},
                                        {"metrics.", {"segmentation"}},
                                        {"infer.keep_largest", {"segmentation"}},
                                        {"infer.connectivity", {"segmentation"}},
                                        {"infer.", {"segmentation", "synthesis"}},
                                        {"diffusion.guidance", {"synthesis"}},
                                        {"diffusion.condition_dropout", {"synthesis"}},
                                        {"diffusion.", {"synthesis", "xray_to_ct"}},
                                        {"synthesis.", {"synthesis"}},
                                        {"xray_to_ct.", {"xray_to_ct"}},
                                        {"resnet_3d.", {"survival"}},
                                        {"survival.", {"survival"}},
                                        {"prompted_segmentor.", {"prompted_segmentation"}},
                                        {"prompted_segmentation.", {"prompted_segmentation"}}};
    return all;
}

/// The network, the intensities and the noise that a task is usually trained with.
void set_defaults(TaskConfig& config) {
    if (config.task == "segmentation") return;
    config.data.foreground_ratio = 0;
    config.data.intensity_scale = config.data.intensity_shift = 0;
    if (config.task == "synthesis") {
        config.model = nn::ModelOptions::of("fast_ddpm_3d");
        config.data.normalisation = "percentile";
        return;
    }
    config.data.normalisation = "window";
    if (config.task == "survival") {
        config.model = nn::ModelOptions::of("resnet_3d");
        config.data.resize = {64, 256, 256};
        config.data.resize_mode = "trilinear";
        config.data.crop_size.clear();
        return;
    }
    if (config.task == "prompted_segmentation") {
        config.model = nn::ModelOptions::of("prompted_segmentor");
        config.data.normalisation = "zscore";
        config.data.resize = {96, 96, 96};
        config.data.resize_mode = "trilinear";
        config.data.crop_size.clear();
        config.data.flip_axes = {2};  // words that name sides are exchanged with them
        return;
    }
    config.model = nn::ModelOptions::of("xray_to_ct");
    config.data.flip_axes = {2};  // left and right: other bodies do not exist
    config.diffusion = usual_xray_diffusion();
}

/// Why a key of a task that has it changes nothing all the same; an empty text where it does.
std::string why_without_effect(const CascadeOptions& cascade, const std::string& key) {
    if (cascade.objective != "direct" || !key.starts_with("diffusion.")) return "";
    if (cascade.stage == 1) return "stage 1 makes its volumes in one evaluation, without noise";
    // Of the others stage 2 and 3 make noise of the volume before, or sample it: see tasks/previous_stages.cpp.
    const bool trains_only = key == "diffusion.train_all_timesteps" || key == "diffusion.antithetic";
    return trains_only ? "training draws no timesteps of its volumes" : "";
}

const std::vector<std::string>& networks_of(const std::string& task) {
    static const std::vector<std::string> cascades{"xray_to_ct"}, resnets{"resnet_3d"}, prompted{"prompted_segmentor"};
    if (task == "survival") return resnets;
    if (task == "prompted_segmentation") return prompted;
    if (task == "segmentation") return nn::model_names();
    return task == "synthesis" ? nn::denoising_model_names() : cascades;
}

void check_together(const config::Section& root, const TaskConfig& config) {
    for (const std::string task : {"segmentation", "synthesis", "xray_to_ct", "survival", "prompted_segmentation"}) {
        const auto& networks = networks_of(task);
        if (task == config.task || std::ranges::find(networks, config.model.name) == networks.end()) continue;
        root.require(false, core::concat("task '", config.task, "' cannot train the network '", config.model.name,
                                         "': say task: ", task,
                                         ", or model.name: ", core::join(networks_of(config.task), " or ")));
    }
    root.require(config.task != "synthesis" || config.data.normalisation == "percentile",
                 "task 'synthesis' needs data.normalisation: percentile: a diffusion works on intensities of -1 .. 1");
    root.require(config.task != "survival" || !config.data.resize.empty(),
                 "task 'survival' needs data.resize: a risk belongs to the whole case, not to a crop of it");
    root.require(config.task != "prompted_segmentation" || !config.data.resize.empty(),
                 "task 'prompted_segmentation' needs data.resize: the sides that a prompt names are those of the whole "
                 "image, not of a crop of it");
    root.require(
        config.task != "prompted_segmentation" || !config.data.spatial.any(),
        "task 'prompted_segmentation' cannot have data.spatial: what is turned or moved is no longer where its prompt "
        "says; flips are possible, which exchange the words of sides");
    if (config.task != "xray_to_ct") return;
    root.require(config.data.normalisation == "window",
                 "task 'xray_to_ct' needs data.normalisation: window: Hounsfield units are the same in every case");
    const auto& size = config.xray_to_ct.network.stages[config.xray_to_ct.index()].volume_size;
    root.require(
        config.data.resize == size,
        core::concat("data.resize is [", core::join(config.data.resize), "], but stage ", config.xray_to_ct.stage,
                     " makes volumes of [", core::join(size), "]: leave data.resize out"));
}

}  // namespace

infer::DiffusionOptions usual_xray_diffusion() {
    infer::DiffusionOptions usual;
    usual.schedule.betas = "cosine";
    usual.prediction = "v";
    usual.train_all_timesteps = true;
    usual.list = "spaced";
    usual.steps = 50;
    return usual;
}

void TaskConfig::read(config::Section& root) {
    root.choice("task", task, {"segmentation", "synthesis", "xray_to_ct", "survival", "prompted_segmentation"},
                "what is trained");
    set_defaults(*this);
    root.value("seed", seed, "of order, crops, augmentation, dropout, noise and initial weights");
    root.require(seed >= 0, "seed must not be negative");
    config::Section model_section = root.section("model", "the network");
    model.read(model_section);
    config::Section cascade_section =
        root.section("xray_to_ct", "xray_to_ct: the stages from X-rays to a CT volume, and which one trains");
    xray_to_ct.read(cascade_section, model);
    if (task == "xray_to_ct") {  // whole cases, at the size of the stage
        data.resize = xray_to_ct.network.stages[xray_to_ct.index()].volume_size;
        data.crop_size.clear();
    }
    config::Section resnet_section = root.section("resnet_3d", "model.name: resnet_3d: its architecture");
    resnet_3d.read(resnet_section, model);
    config::Section survival_section = root.section("survival", "survival: what of an outcome is learnt, and judged");
    survival.read(survival_section);
    config::Section segmentor_section =
        root.section("prompted_segmentor", "model.name: prompted_segmentor: its architecture");
    prompted_segmentor.read(segmentor_section, model);
    config::Section prompted_section = root.section(
        "prompted_segmentation", "prompted_segmentation: what a network is asked, and what its answers count");
    prompted.read(prompted_section);
    config::Section data_section = root.section("data", "reading and augmenting");
    data.read(data_section);
    data.seed = seed;
    config::Section loss_section = root.section("loss", "segmentation: what training makes small");
    loss.read(loss_section);
    config::Section diffusion_section =
        root.section("diffusion", "synthesis, xray_to_ct: noise, and the way out of it");
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
        if (std::ranges::find(owner->tasks, task) != owner->tasks.end()) {
            const auto why = task == "xray_to_ct" ? why_without_effect(xray_to_ct, key.path) : "";
            if (why.empty()) continue;
            throw core::ConfigError(core::concat(key.path, " has no effect with xray_to_ct.objective: direct: ", why,
                                                 "; leave it out, or say objective: diffusion"));
        }
        throw core::ConfigError(core::concat(key.path, " has no effect with task '", task, "': it is of ",
                                             core::join(owner->tasks), "; leave it out"));
    }
}

std::shared_ptr<const data::ShardReader> TaskContext::opened(const TaskConfig& config) const {
    if (reader) return reader;
    return open_shards(shards, config, config.data.cache_bytes());
}

}  // namespace vox::tasks
