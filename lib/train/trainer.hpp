#pragma once
// The training loop.  It knows steps, micro-batches, ranks, checkpoints and logs; what is trained is the Task's.

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/store.hpp"
#include "comm/communicator.hpp"
#include "comm/world.hpp"
#include "core/error.hpp"
#include "core/timer.hpp"
#include "train/early_stopping.hpp"
#include "train/ema.hpp"
#include "train/grad_reducer.hpp"
#include "train/journal.hpp"
#include "train/optimizers.hpp"
#include "train/options.hpp"
#include "train/precision.hpp"
#include "train/schedules.hpp"
#include "train/stop_signal.hpp"
#include "train/straggler.hpp"
#include "train/task.hpp"

namespace vox::train {

/// The run that a trainer works on: what the program knows and the trainer writes down.
struct RunRecord {
    report::RunPaths paths;
    std::string resolved_config;
    std::string program;              // version and git hash
    uint64_t seed = 0;
    int64_t global_micro_batch = 1;
    int64_t threads_per_rank = 1;
    double timeout_s = 600;           // how long a rank waits for the others within a step
    checkpoint::Options checkpoint;
};

/// All ranks build one with equal arguments (but for the communicator's rank), call `resume` once, then `run`.
/// `step` alone needs no `resume`: it starts from the model's own weights and writes nothing.
/// Sources: trainer.cpp the loop, trainer_step.cpp what a step does, trainer_validation.cpp validation and the end,
/// trainer_checkpoint.cpp start, checkpoints and rescue.
class Trainer {
public:
    /// All ranks.  Rank 0's weights are broadcast; `resume` compares every rank's.  All references outlive the trainer.
    Trainer(const Options& options, Task& task, comm::World& world, comm::Communicator& comm, RunRecord run);
    ~Trainer();

    /// All ranks: goes on from this checkpoint, or starts at step 0 where there is none (from `init_from`, where given).
    /// Once, before `run`: it also opens the files that rank 0 writes.  Throws DataError where the checkpoint is not of
    /// this model, ConfigError where early stopping has no validation case to count.
    void resume(const std::optional<checkpoint::Choice>& choice);

    /// All ranks: trains to the end, until validations no longer get better (early_stopping), or until a stop is asked for.
    /// Returns done, or stopped (saved; start again to go on).
    core::ExitCode run();

    /// One optimizer step.  All ranks.
    StepResult step();

    /// Rank 0, any thread, while `run` stands still in another one: saves the last completed step, unless a checkpoint has it, and
    /// keeps `run` from changing anything ever after: the job has to end.  Returns what it did, for the log.  Throws WriteError.
    std::string rescue();

    int64_t steps_done() const { return steps_done_; }
    int64_t total_steps() const { return total_steps_; }
    int64_t skipped_steps() const { return skipped_steps_; }
    const GradReducer& reducer() const { return *reducer_; }

private:
    // The phase: what trains, and everything that remembers something about it.
    void begin_phase(const Phase& phase, int64_t first_step);
    std::vector<NamedParameter> choose_trained(const Phase& phase);
    void train_mode();

    // One step, in this order.
    std::vector<double> global_weights(const std::vector<data::Batch>& batches, StepResult& result);
    void forward_and_backward(const data::Batch& batch, const std::vector<double>& totals,
                              std::vector<at::Tensor>& sums);
    at::Tensor weighted_loss(const data::Batch& batch, const std::vector<double>& totals,
                             std::vector<at::Tensor>& sums);
    std::vector<double> agree_on_sums(StepResult& result, const std::vector<at::Tensor>& sums,
                                      const std::vector<double>& totals);
    void update_weights(StepResult& result);
    void clip_gradients(double norm);
    void undo_step(const StepResult& result);
    void report_skipped(const StepResult& result, const std::vector<data::Batch>& batches,
                        const std::vector<double>& sums);
    std::string suspects(const std::vector<data::Batch>& batches, const std::vector<double>& sums);

    // Between steps.
    void remember_step();
    void load_progress(const checkpoint::Manifest& saved);
    void load_phase(const checkpoint::State& state);
    RankFigures gather_rank_figures(const StepResult& result, int64_t own_items);
    void write_down(const StepResult& result);
    bool validation_due() const;
    void run_validation();
    void look_behind_best(ValidationResult& result);
    bool save_due();
    void save(bool wait);
    checkpoint::Manifest manifest() const;
    checkpoint::State state_to_save() const;
    std::string how_it_ended() const;
    void finish();

    /// The state of the last completed step, with what a step that is under way changes of it: all but weights and averages.
    struct CompletedStep {
        checkpoint::Manifest manifest;  // rank 0's
        checkpoint::NamedTensors buffers;
    };

    Options options_;
    Task& task_;
    comm::World& world_;  // waits for ever: rank 0 may take long over a checkpoint
    std::unique_ptr<comm::World> step_world_;  // within a step, where all ranks do alike: a silent rank is a lost one
    comm::Communicator& comm_;
    RunRecord run_;

    // Of the current phase: made anew by begin_phase.
    Phase phase_;
    int64_t phase_start_ = 0;  // its first step
    std::unique_ptr<GradReducer> reducer_;
    std::unique_ptr<Optimizer> optimizer_;
    std::unique_ptr<Schedule> schedule_;
    std::unique_ptr<Ema> ema_;
    EarlyStopping early_stopping_;
    std::optional<checkpoint::Metric> best_;

    Precision precision_;
    LossScaler scaler_;
    StopSignal stop_signal_;

    // Rank 0 only.
    std::unique_ptr<Journal> journal_;
    std::unique_ptr<checkpoint::Store> store_;

    /// Held while weights, averages or files of checkpoints change: what `rescue` finds without is whole.
    std::timed_mutex changing_;
    CompletedStep completed_;
    int64_t resumed_step_ = 0;  // where `run` starts

    int64_t steps_done_ = 0;
    int64_t total_steps_ = 0;
    int64_t skipped_steps_ = 0;
    int64_t bad_steps_in_row_ = 0;
    OwnTime own_time_;
    std::vector<std::string> hosts_;  // by rank
    int64_t own_items_ = 0;  // of the last step
    std::optional<checkpoint::Metric> last_metric_;  // of the validation after the last step, if there was one
    bool improved_ = false;  // it was the best so far
    std::map<std::string, std::string> best_facts_;  // BestFindings::facts of it
    core::Timer since_save_;
    core::Timer since_start_;
    double train_seconds_ = 0, data_seconds_ = 0, validation_seconds_ = 0;
};

}  // namespace vox::train
