#pragma once
// The learning rate, and where it is cycled the momentum, as a function of the step.

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/section.hpp"

namespace vox::train {

/// Shape of the learning rate over a run.
struct ScheduleOptions {
    std::string name = "cosine";
    int64_t warmup_steps = 0;
    double warmup_start = 0.01;
    double min_lr = 0;
    double power = 0.9;
    int64_t restart_steps = 0;
    int64_t restart_factor = 2;
    double plateau_factor = 0.1;
    int64_t plateau_patience = 10;
    double plateau_threshold = 1e-4;
    double onecycle_pct_start = 0.3;
    double onecycle_div_factor = 25;
    double onecycle_final_div_factor = 1e4;
    std::vector<double> onecycle_momentum = {0.85, 0.95};
    std::string lr_scaling = "none";
    int64_t lr_scaling_base_batch = 1;

    void read(config::Section& section);
};

/// `lr` times 1, b, or sqrt(b), where b = effective_batch / lr_scaling_base_batch and the effective batch is the number
/// of items in one optimizer step, over all ranks and micro-batches (Goyal et al. 2017; Krizhevsky 2014).
double scaled_lr(double lr, int64_t effective_batch, const ScheduleOptions& options);

/// Learning rate for each optimizer step: a linear warm-up, then constant, cosine, cosine_restarts (Loshchilov and Hutter, "SGDR", 2017;
/// torch's CosineAnnealingWarmRestarts), poly or plateau; or onecycle (Smith and
/// Topin, "Super-convergence", 2018), as torch.optim.lr_scheduler.OneCycleLR with two cosines.  The same on all ranks.
class Schedule {
public:
    /// `peak_lr` is what warm-up ends at; `total_steps` is the end of the run (of the phase), warm-up included.
    Schedule(const ScheduleOptions& options, double peak_lr, int64_t total_steps);

    /// For the step that follows `steps_done` finished ones.  A pure function, but for plateau.
    double lr(int64_t steps_done) const;

    /// What Optimizer::step takes as momentum for that step; none where the optimizer's own stands.  Pure.  Onecycle lowers
    /// it from the upper onecycle_momentum to the lower while the rate rises, and raises it again while the rate falls.
    std::optional<double> momentum(int64_t steps_done) const;

    /// After each validation, all ranks with the same figure.  Plateau lowers the rate by plateau_factor when the
    /// figure has not become better by plateau_threshold (relative) for more than plateau_patience validations; the
    /// others ignore it.
    void observe(double metric, bool higher_is_better);

    /// What plateau remembers, for Manifest::scalars; empty for the others.
    std::map<std::string, double> state() const;
    /// Takes it back; names that it does not know are left alone.  Throws DataError where one of its own is missing.
    void load_state(const std::map<std::string, double>& scalars);

private:
    double after_warmup(int64_t steps) const;
    double share_of_cycle(int64_t steps) const;
    double one_cycle(int64_t steps, double start, double turn, double end) const;

    ScheduleOptions options_;
    double peak_lr_;
    int64_t total_steps_;
    // Plateau only.
    double plateau_lr_;
    double best_ = std::numeric_limits<double>::quiet_NaN();
    int64_t bad_validations_ = 0;
};

}  // namespace vox::train
