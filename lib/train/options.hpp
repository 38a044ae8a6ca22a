#pragma once

#include <cstdint>
#include <string>

#include "config/section.hpp"
#include "train/early_stopping.hpp"
#include "train/ema.hpp"
#include "train/optimizers.hpp"
#include "train/schedules.hpp"

namespace vox::train {

/// Section `train`: how long, how fast, and how carefully.
struct Options {
    int64_t steps = 0;
    int64_t epochs = 0;
    int64_t accumulation = 1;
    std::string precision = "auto";
    double clip_norm = 0.0;
    int64_t validate_every_epochs = 1;
    int64_t validate_every_steps = 0;
    int64_t log_every = 10;
    int64_t replica_check_every = 100;
    bool detect_anomaly = false;
    int64_t max_bad_steps = 10;
    int64_t bucket_mb = 8;
    int64_t threads_per_rank = 0;
    double stop_margin_s = 60;
    std::string init_from;
    OptimizerOptions optimizer;
    ScheduleOptions schedule;
    EmaOptions ema;
    EarlyStoppingOptions early_stopping;

    /// Throws ConfigError for values that cannot work or contradict each other.
    void read(config::Section section);
    /// Optimizer steps of the whole run, given how many make an epoch.
    int64_t total_steps(int64_t steps_per_epoch) const { return steps > 0 ? steps : epochs * steps_per_epoch; }
};

}  // namespace vox::train
