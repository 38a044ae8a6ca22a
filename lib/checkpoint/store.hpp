#pragma once
// Writing checkpoints: complete or absent, in the background.  Rank 0 only.

#include <atomic>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

#include "checkpoint/load.hpp"
#include "checkpoint/options.hpp"

namespace vox::checkpoint {

/// What the writer has done so far, for the log and the metrics.
struct SaveStats {
    int64_t saved = 0;
    int64_t failed = 0;
    int64_t failed_in_row = 0;
    int64_t last_step = -1;   // of the last one that is safe on disk
    double last_seconds = 0;  // its writing, in the background
    uint64_t last_bytes = 0;
    std::string last_error;  // of the last one that failed
};

/// The writer of one run's `checkpoints` folder: `step_00001234/{model,ema,optimizer}.safetensors` and `manifest.json`;
/// where the step was validated, the folder's name ends in the figure, so that `ls` shows the best: `..._dice=0.8312`.
/// Rank 0 only; one thread calls.  Each save goes to a hidden folder beside the others, every file and folder is
/// fsynced, then one rename makes it visible; only then old ones are removed (Options::keep_*).
class Store {
public:
    /// Makes the folder and removes what killed writers left in it.  Throws WriteError where it cannot.
    Store(std::filesystem::path checkpoints, Options options);
    /// Awaits the save that is under way; its failure is logged only.
    ~Store();
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    /// At the start of a run that goes on from `step` (0: from nothing): later checkpoints belong to a branch that is
    /// given up, and would win the next resume.  They become "superseded_step_..." beside the others, with a warning;
    /// none is deleted.
    void set_aside_after(int64_t step);

    /// Copies the tensors to host memory, then writes them in a thread; the caller may train on as soon as this
    /// returns.  Waits for the save before, so that never two are in flight.  A save that cannot be written (full disk,
    /// I/O error) is a warning, is counted, and leaves the older checkpoints; after Options::max_failures in a row this
    /// throws WriteError.
    void save_async(const State& state);

    /// Until nothing is in flight.  Throws as `save_async`.  Call it before the program ends.
    void wait();

    /// save_async and wait, for the save that has no successor.  Where it cannot be written it is tried again, after 1 s, 2 s,
    /// 4 s and so on; throws as `save_async`, after Options::max_failures in a row.
    void save(const State& state);

    bool in_flight() const { return in_flight_; }
    /// Never waits.
    SaveStats stats() const;
    const std::filesystem::path& folder() const { return checkpoints_; }

private:
    void write_and_count(const State& state) noexcept;
    uint64_t write(const State& state, const std::string& name);
    void prune(const Manifest& newest, const std::string& name);

    std::filesystem::path checkpoints_;
    Options options_;
    std::thread writer_;
    std::atomic<bool> in_flight_ = false;
    std::exception_ptr bug_;  // what no disk explains; read after the thread was joined
    mutable std::mutex mutex_;
    SaveStats stats_;  // guarded by mutex_
};

}  // namespace vox::checkpoint
