#pragma once
// What rank 0 writes down while a run goes on: metrics.jsonl, TensorBoard, previews, progress, report.html.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/timer.hpp"
#include "report/metrics_log.hpp"
#include "report/progress.hpp"
#include "report/run_folder.hpp"
#include "report/tensorboard.hpp"
#include "train/validation.hpp"

namespace vox::train {

/// What one optimizer step did, over all ranks.
struct StepResult {
    double loss = 0;                    // sum over terms of coefficient * mean
    std::vector<double> term_means;     // in the order of Task::terms()
    double lr = 0;
    double grad_norm = 0;               // before clipping
    double loss_scale = 1;
    int64_t items = 0;                  // over all ranks and micro-batches
    bool empty = false;                 // nothing to learn from: every term's weight was 0 on all ranks
    bool bad = false;                   // loss or gradients not finite: the weights stayed as they were
    bool stop = false;                  // some rank was asked to stop
    double seconds = 0;                 // of this rank
    double data_seconds = 0;            // of those, waiting for data
    double own_seconds = 0;             // of those, not waiting for other ranks
};

/// One figure a rank, for the log.
struct RankFigures {
    std::vector<double> samples_per_second, data_wait_share, memory_bytes;
    std::vector<double> own_seconds;  // median of the last steps: computing and waiting for data, not for other ranks
    std::vector<double> chunks_decoded, cache_hits;  // since the start of the program
};

/// Rank 0 only.  Opening and finishing throw WriteError where the run's folder refuses; in between that is a warning, because
/// notes that do not fit on the disk must not end a training.
class Journal {
public:
    Journal(report::RunPaths paths, int64_t first_step, int64_t total_steps, const std::string& resolved_config);

    void progress(int64_t step, const StepResult& result, const std::string& note);
    void step(int64_t step, int64_t epoch, const StepResult& result, const std::vector<std::string>& terms,
              const RankFigures& ranks);
    /// Warns of ranks that the others wait for, now and then for as long as they do.
    void stragglers(int64_t step, const std::vector<double>& own_seconds, const std::vector<std::string>& hosts);
    void validation(int64_t step, const ValidationResult& result);
    /// Time that is no training: leaves it out of the rates.
    void pause() { progress_.pause(); }
    void resume() { progress_.resume(); }
    /// The last lines, and report.html.
    void finish(int64_t step, const report::Fields& final_figures, const report::Fields& timings);

private:
    report::RunPaths paths_;
    report::MetricsLog metrics_;
    report::TensorBoardWriter tensorboard_;
    report::Progress progress_;
    std::vector<int> slow_ranks_;  // of the last warning
    core::Timer since_warning_;
};

}  // namespace vox::train
