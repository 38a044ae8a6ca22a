#include "train/schedules.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::train {
namespace {

/// From `start` to `end` along half a cosine.
double cosine(double start, double end, double progress) {
    return end + (start - end) / 2 * (1 + std::cos(std::numbers::pi * progress));
}

}  // namespace

void ScheduleOptions::read(config::Section& section) {
    section.choice("name", name, {"constant", "cosine", "cosine_restarts", "poly", "plateau", "onecycle"},
                   "how the learning rate goes on after warm-up");
    section.value("warmup_steps", warmup_steps, "optimizer steps over which the rate rises linearly; 0: none");
    section.value("warmup_start", warmup_start, "where warm-up starts, as a share of the peak rate");
    section.value("min_lr", min_lr,
                  "the lowest rate: cosine, each cycle of cosine_restarts and poly end there, plateau stops there");
    section.value("power", power, "poly: (1 - progress) to this power");
    section.value("restart_steps", restart_steps,
                  "cosine_restarts: optimizer steps of the first cycle; 0: a quarter of those after warm-up");
    section.value("restart_factor", restart_factor, "cosine_restarts: each cycle is so many times as long as the last");
    section.value("plateau_factor", plateau_factor, "plateau: the rate is multiplied by this");
    section.value("plateau_patience", plateau_patience, "plateau: validations without progress that are borne");
    section.value("plateau_threshold", plateau_threshold,
                  "plateau: what counts as progress, relative to the best figure");
    section.value("onecycle_pct_start", onecycle_pct_start, "onecycle: share of the steps over which the rate rises");
    section.value("onecycle_div_factor", onecycle_div_factor, "onecycle: the rate starts at the peak divided by this");
    section.value("onecycle_final_div_factor", onecycle_final_div_factor,
                  "onecycle: the rate ends at where it started, divided by this");
    section.value("onecycle_momentum", onecycle_momentum,
                  "onecycle: momentum (or betas[0]) at the peak rate, and at start and end; []: it is not cycled");
    section.choice("lr_scaling", lr_scaling, {"none", "linear", "sqrt"},
                   "how the rate grows with the effective batch over lr_scaling_base_batch");
    section.value("lr_scaling_base_batch", lr_scaling_base_batch, "items in the optimizer step that lr was chosen for");
    section.require(warmup_steps >= 0, "warmup_steps must be 0 or more");
    section.require(warmup_start >= 0 && warmup_start <= 1, "warmup_start must be from 0 to 1");
    section.require(min_lr >= 0, "min_lr must be 0 or more");
    section.require(restart_steps >= 0, "restart_steps must be 0 or more");
    section.require(restart_factor >= 1 && restart_factor <= 1000, "restart_factor must be 1 to 1000");
    section.require(power > 0, "power must be above 0");
    section.require(plateau_factor > 0 && plateau_factor < 1, "plateau_factor must be between 0 and 1");
    section.require(plateau_patience >= 0, "plateau_patience must be 0 or more");
    section.require(plateau_threshold >= 0 && plateau_threshold < 1, "plateau_threshold must be from 0 to below 1");
    section.require(onecycle_pct_start >= 0 && onecycle_pct_start <= 1, "onecycle_pct_start must be from 0 to 1");
    section.require(onecycle_div_factor >= 1 && onecycle_final_div_factor >= 1,
                    "onecycle_div_factor and onecycle_final_div_factor must be 1 or more");
    const auto& cycle = onecycle_momentum;
    section.require(cycle.empty() || (cycle.size() == 2 && cycle[0] >= 0 && cycle[0] <= cycle[1] && cycle[1] < 1),
                    "onecycle_momentum must be two rising numbers from 0 to below 1, or []");
    section.require(name != "onecycle" || (warmup_steps == 0 && min_lr == 0),
                    "onecycle has a rise and an end of its own: leave warmup_steps and min_lr at 0");
    section.require(lr_scaling_base_batch >= 1, "lr_scaling_base_batch must be 1 or more");
}

double scaled_lr(double lr, int64_t effective_batch, const ScheduleOptions& options) {
    const double ratio = static_cast<double>(effective_batch) / static_cast<double>(options.lr_scaling_base_batch);
    if (options.lr_scaling == "linear") return lr * ratio;
    if (options.lr_scaling == "sqrt") return lr * std::sqrt(ratio);
    return lr;
}

Schedule::Schedule(const ScheduleOptions& options, double peak_lr, int64_t total_steps)
    : options_(options), peak_lr_(peak_lr), total_steps_(total_steps), plateau_lr_(peak_lr) {
    if (options.warmup_steps > total_steps) {
        throw core::ConfigError(
            core::concat("warmup_steps ", options.warmup_steps, " is more than the ", total_steps, " steps there are"));
    }
    if (options.min_lr > peak_lr) {
        throw core::ConfigError(core::concat("min_lr ", options.min_lr, " is above the peak learning rate ", peak_lr));
    }
}

double Schedule::lr(int64_t steps_done) const {
    if (options_.name == "onecycle") {
        const double start = peak_lr_ / options_.onecycle_div_factor;
        return one_cycle(steps_done, start, peak_lr_, start / options_.onecycle_final_div_factor);
    }
    if (steps_done >= options_.warmup_steps) return after_warmup(steps_done - options_.warmup_steps);
    const double progress = static_cast<double>(steps_done) / static_cast<double>(options_.warmup_steps);
    const double goal = options_.name == "plateau" ? plateau_lr_ : peak_lr_;
    return goal * (options_.warmup_start + (1 - options_.warmup_start) * progress);
}

std::optional<double> Schedule::momentum(int64_t steps_done) const {
    const auto& cycle = options_.onecycle_momentum;
    if (options_.name != "onecycle" || cycle.empty()) return std::nullopt;
    return one_cycle(steps_done, cycle[1], cycle[0], cycle[1]);
}

/// From `start` to `turn`, and on to `end` at the last step.  As in torch, the turn may fall between two steps.
double Schedule::one_cycle(int64_t steps, double start, double turn, double end) const {
    const auto last = static_cast<double>(total_steps_ - 1);
    const double turns_at = options_.onecycle_pct_start * static_cast<double>(total_steps_) - 1;
    const double now = std::min(static_cast<double>(steps), last);
    if (now > turns_at) return cosine(turn, end, (now - turns_at) / (last - turns_at));
    return cosine(start, turn, turns_at > 0 ? now / turns_at : 1);  // torch divides by zero where it turns at step 0
}

double Schedule::after_warmup(int64_t steps) const {
    if (options_.name == "plateau") return plateau_lr_;
    if (options_.name == "constant") return peak_lr_;
    if (options_.name == "cosine_restarts") return cosine(peak_lr_, options_.min_lr, share_of_cycle(steps));
    const auto length = static_cast<double>(std::max<int64_t>(total_steps_ - options_.warmup_steps, 1));
    const double progress = std::min(static_cast<double>(steps) / length, 1.0);
    const double share = options_.name == "cosine" ? (1 + std::cos(std::numbers::pi * progress)) / 2
                                                   : std::pow(1 - progress, options_.power);
    return options_.min_lr + (peak_lr_ - options_.min_lr) * share;
}

/// How far the cycle is that holds this step after warm-up.
double Schedule::share_of_cycle(int64_t steps) const {
    int64_t length = options_.restart_steps;
    if (length == 0) length = std::max<int64_t>((total_steps_ - options_.warmup_steps) / 4, 1);
    int64_t in_cycle = steps;
    while (in_cycle >= length) {
        in_cycle -= length;
        length *= options_.restart_factor;
    }
    return static_cast<double>(in_cycle) / static_cast<double>(length);
}

void Schedule::observe(double metric, bool higher_is_better) {
    if (options_.name != "plateau") return;
    const double margin = higher_is_better ? 1 + options_.plateau_threshold : 1 - options_.plateau_threshold;
    const bool first = std::isnan(best_) && !std::isnan(metric);
    const bool better = first || (higher_is_better ? metric > best_ * margin : metric < best_ * margin);
    if (better) {
        best_ = metric;
        bad_validations_ = 0;
        return;
    }
    if (++bad_validations_ <= options_.plateau_patience) return;
    plateau_lr_ = std::max(plateau_lr_ * options_.plateau_factor, options_.min_lr);
    bad_validations_ = 0;
}

std::map<std::string, double> Schedule::state() const {
    if (options_.name != "plateau") return {};
    return {{"plateau.lr", plateau_lr_},
            {"plateau.best", best_},
            {"plateau.bad_validations", static_cast<double>(bad_validations_)}};
}

void Schedule::load_state(const std::map<std::string, double>& scalars) {
    if (options_.name != "plateau") return;
    const auto take = [&](const char* name) {
        const auto found = scalars.find(name);
        if (found == scalars.end()) {
            throw core::DataError(
                core::concat("the checkpoint has no '", name, "': its run did not use the plateau schedule"));
        }
        return found->second;
    };
    plateau_lr_ = take("plateau.lr");
    best_ = take("plateau.best");
    bad_validations_ = static_cast<int64_t>(take("plateau.bad_validations"));
}

}  // namespace vox::train
