#include "train/options.hpp"

#include "core/text.hpp"

namespace vox::train {

void Options::read(config::Section section) {
    section.alias("gradient_accumulation_steps", "accumulation");
    section.alias("accumulation_steps", "accumulation");
    section.value("steps", steps, "optimizer steps of the whole run; 0: epochs says it");
    section.value("epochs", epochs, "passes over the training cases; 0: steps says it");
    section.value("accumulation", accumulation, "micro-batches an optimizer step");
    section.choice("precision", precision, {"auto", "fp32", "tf32", "bf16", "fp16", "fp64"},
                   "auto: bf16 on GPUs that have it, else fp32; fp64 on the CPU only");
    section.value("clip_norm", clip_norm, "largest global gradient norm; 0: no clipping");
    section.value("validate_every_epochs", validate_every_epochs,
                  "validate after every so many epochs; 0: not by epochs");
    section.value("validate_every_steps", validate_every_steps, "validate after every so many steps; 0: not by steps");
    section.value("log_every", log_every, "steps between two logged steps");
    section.value("replica_check_every", replica_check_every,
                  "steps between two comparisons of all ranks' weights; 0: never");
    section.value(
        "detect_anomaly", detect_anomaly,
        "slow: end the run at the first number that is not finite, naming the cases of the crop that holds it, or "
        "the function whose gradient it is");
    section.value("max_bad_steps", max_bad_steps, "stop after so many steps in a row whose gradients were not finite");
    section.value("bucket_mb", bucket_mb, "size at which a bucket of gradients is reduced");
    section.value(
        "stop_margin_s", stop_margin_s,
        "under Slurm: seconds before the job's time limit at which the run saves and ends with 75; 0: it does "
        "not look at the limit");
    section.value("threads_per_rank", threads_per_rank, "compute threads of a rank; 0: cores of the node / its ranks");
    section.value("init_from", init_from,
                  "start from the weights of this checkpoint, run or .safetensors file, as far as names and shapes "
                  "agree; the log "
                  "says what was not loaded; empty: from scratch");
    config::Section optimizer_section = section.section("optimizer", "how the weights move");
    optimizer.read(optimizer_section);
    config::Section schedule_section = section.section("schedule", "the learning rate over the run");
    schedule.read(schedule_section);
    config::Section ema_section = section.section("ema", "moving average of the weights");
    ema.read(ema_section);
    config::Section early_section = section.section("early_stopping", "when a run ends before its last step");
    early_stopping.read(early_section);

    section.require((steps > 0) != (epochs > 0), "give either steps or epochs, and only one of them");
    section.require(steps >= 0 && epochs >= 0, "steps and epochs must not be negative");
    section.require(accumulation >= 1, "accumulation must be 1 or more");
    section.require(clip_norm >= 0, "clip_norm must be 0 or more");
    section.require(validate_every_epochs >= 0 && validate_every_steps >= 0, "validation intervals must be 0 or more");
    section.require(early_stopping.patience == 0 || validate_every_epochs > 0 || validate_every_steps > 0,
                    "early_stopping.patience counts validations: set validate_every_epochs or validate_every_steps");
    section.require(schedule.name != "plateau" || validate_every_epochs > 0 || validate_every_steps > 0,
                    "schedule.name: plateau follows validations: set validate_every_epochs or validate_every_steps");
    section.require(schedule.lr_scaling != "none" || schedule.min_lr <= optimizer.lr,
                    core::concat("schedule.min_lr: ", schedule.min_lr, " is above optimizer.lr: ", optimizer.lr,
                                 ", so that the rate would rise where it is to fall"));
    section.require(log_every >= 1, "log_every must be 1 or more");
    section.require(replica_check_every >= 0, "replica_check_every must be 0 or more");
    section.require(max_bad_steps >= 1, "max_bad_steps must be 1 or more");
    constexpr int64_t most_mb = int64_t{1} << 30;  // bytes still fit into 64 bits
    section.require(bucket_mb >= 1 && bucket_mb <= most_mb,
                    core::concat("bucket_mb: ", bucket_mb, " is not within 1 .. ", most_mb));
    section.require(stop_margin_s >= 0, "stop_margin_s must be 0 or more");
    section.require(threads_per_rank >= 0, "threads_per_rank must be 0 or more");
}

}  // namespace vox::train
