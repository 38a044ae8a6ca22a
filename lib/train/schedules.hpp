#pragma once
// The learning rate as a function of the step.

#include <cstdint>
#include <limits>
#include <map>
#include <string>

#include "config/section.hpp"

namespace vox::train {

/// Shape of the learning rate over a run.
struct ScheduleOptions {
    std::string name = "cosine";
    int64_t warmup_steps = 0;
    double warmup_start = 0.01;
    double min_lr = 0;
    double power = 0.9;
    double plateau_factor = 0.1;
    int64_t plateau_patience = 10;
    double plateau_threshold = 1e-4;
    std::string lr_scaling = "none";
    int64_t lr_scaling_base_batch = 1;

    void read(config::Section& section);
};

/// `lr` times 1, b, or sqrt(b), where b = effective_batch / lr_scaling_base_batch and the effective batch is the number
/// of items in one optimizer step, over all ranks and micro-batches (Goyal et al. 2017; Krizhevsky 2014).
double scaled_lr(double lr, int64_t effective_batch, const ScheduleOptions& options);

/// Learning rate for each optimizer step: a linear warm-up, then constant, cosine, poly or plateau.  The same on all
/// ranks.
class Schedule {
public:
    /// `peak_lr` is what warm-up ends at; `total_steps` is the end of the run (of the phase), warm-up included.
    Schedule(const ScheduleOptions& options, double peak_lr, int64_t total_steps);

    /// For the step that follows `steps_done` finished ones.  A pure function, but for plateau.
    double lr(int64_t steps_done) const;

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

    ScheduleOptions options_;
    double peak_lr_;
    int64_t total_steps_;
    // Plateau only.
    double plateau_lr_;
    double best_ = std::numeric_limits<double>::quiet_NaN();
    int64_t bad_validations_ = 0;
};

}  // namespace vox::train
