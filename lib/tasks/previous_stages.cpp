#include "tasks/previous_stages.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"
#include "tasks/trained_run.hpp"

namespace vox::tasks {
namespace {

using core::concat;

/// What a later stage has to have as the one before it had, as pairs of key and difference.
void check_agrees(const TaskConfig& config, const XrayToCtFacts& facts, const TrainedRun& before,
                  const XrayToCtFacts& their_facts) {
    const auto& ours = config.xray_to_ct;
    const auto& theirs = before.config.xray_to_ct;
    const auto require = [&](bool agrees, const std::string& key) {
        if (agrees) return;
        throw core::DataError(
            concat(before.checkpoint.string(), " was trained with another ", key,
                   " than this run: a volume of the stage before would not be what this stage takes it for; "
                   "give both the same"));
    };
    if (theirs.stage != ours.stage - 1)
        throw core::DataError(concat("xray_to_ct.previous_run: ", before.checkpoint.string(), " is a run of stage ",
                                     theirs.stage, ", but stage ", ours.stage, " follows stage ", ours.stage - 1));
    for (size_t i = 0; i < ours.index(); ++i)
        require(ours.network.stages[i] == theirs.network.stages[i], concat("xray_to_ct.", nn::stage_name(i)));
    require(ours.network.xray.img_size == theirs.network.xray.img_size, "xray_to_ct.img_size");
    require(
        config.model.norm == before.config.model.norm && config.model.norm_groups == before.config.model.norm_groups,
        "model.norm or model.norm_groups");
    require(facts.views == their_facts.views && facts.unit == their_facts.unit, "set of X-ray views");
    require(facts.window == their_facts.window, "data.window");
    const auto& noise = config.diffusion;
    const auto& their_noise = before.config.diffusion;
    require(std::ranges::count(their_facts.objectives, "diffusion") == 0 ||
                (noise.prediction == their_noise.prediction && noise.schedule == their_noise.schedule),
            "diffusion.prediction or schedule");
}

/// Throws ConfigError for what is said of noise where no stage has any: known only when those before this one are read.
void check_noise_is_used(const TaskConfig& config, const std::vector<std::string>& objectives_before) {
    const auto& cascade = config.xray_to_ct;
    if (cascade.objective != "direct" || std::ranges::count(objectives_before, "diffusion") > 0) return;
    const auto usual = usual_xray_diffusion();
    const auto& ours = config.diffusion;
    const auto require_usual = [](bool is_usual, const std::string& key, const std::string& advice) {
        if (is_usual) return;
        throw core::ConfigError(concat("diffusion.", key,
                                       " has no effect: this stage and those before it are of xray_to_ct.objective: "
                                       "direct, which makes volumes in one evaluation",
                                       advice));
    };
    const std::string leave_out = "; leave it out";
    require_usual(ours.prediction == usual.prediction, "prediction", leave_out);
    require_usual(ours.list == usual.list, "list", leave_out);
    require_usual(ours.steps == usual.steps, "steps", leave_out);
    require_usual(ours.sampler == usual.sampler, "sampler", leave_out);
    require_usual(ours.eta == usual.eta, "eta", leave_out);
    require_usual(ours.clip_x0 == usual.clip_x0, "clip_x0", leave_out);
    if (cascade.previous_noise_most > 0) return;  // the schedule's
    const auto &schedule = ours.schedule, &usual_schedule = usual.schedule;
    const std::string or_noise = ", and previous_noise_most is 0; leave it out, or give the volume before some noise";
    require_usual(schedule.betas == usual_schedule.betas, "schedule", or_noise);
    require_usual(schedule.timesteps == usual_schedule.timesteps, "timesteps", or_noise);
    require_usual(schedule.beta_start == usual_schedule.beta_start, "beta_start", or_noise);
    require_usual(schedule.beta_end == usual_schedule.beta_end, "beta_end", or_noise);
    require_usual(schedule.beta_low == usual_schedule.beta_low, "beta_low", or_noise);
    require_usual(schedule.beta_high == usual_schedule.beta_high, "beta_high", or_noise);
}

}  // namespace

std::vector<std::string> take_previous_stages(nn::XrayCascade& cascade, const TaskConfig& config,
                                              const XrayToCtFacts& facts) {
    const auto& options = config.xray_to_ct;
    if (options.stage == 1) {
        if (!options.previous_run.empty())
            throw core::ConfigError("xray_to_ct.previous_run: stage 1 follows no other; leave it out");
        return {};
    }
    if (options.previous_run.empty())
        throw core::ConfigError(concat("xray_to_ct.previous_run is missing: stage ", options.stage,
                                       " makes the volumes of stage ", options.stage - 1,
                                       " finer; name the run that trained that one"));
    const auto before = load_trained(options.previous_run, /*best=*/true);
    check_task(before, "xray_to_ct");
    const auto their_facts = XrayToCtFacts::from_texts(before.state.manifest.facts);
    check_noise_is_used(config, their_facts.objectives);
    check_agrees(config, facts, before, their_facts);
    auto targets = checkpoint::module_state(cascade);
    const std::string own = nn::stage_name(options.index()) + ".";
    std::erase_if(targets, [&](const auto& one) { return one.name.starts_with(own); });
    checkpoint::copy_into(targets, best_weights(before), before.checkpoint.string(), /*any_dtype=*/true);
    return their_facts.objectives;
}

}  // namespace vox::tasks
