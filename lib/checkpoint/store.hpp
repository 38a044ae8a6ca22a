#pragma once
// Writing checkpoints: complete or absent, in the background.  Rank 0 only.

#include <cstdint>
#include <exception>
#include <filesystem>
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
    int64_t last_step = -1;    // of the last one that is safe on disk
    double last_seconds = 0;   // its writing, in the background
    uint64_t last_bytes = 0;
};

/// The writer of one run's `checkpoints` folder: `step_00001234/{model,ema,optimizer}.safetensors` and `manifest.json`.
/// Rank 0 only; one thread calls.  Each save goes to a hidden folder beside the others, every file and folder is fsynced, then one
/// rename makes it visible; only then old ones are removed (Options::keep_*).
class Store {
public:
    /// Makes the folder and removes what killed writers left in it.  Throws WriteError where it cannot.
    Store(std::filesystem::path checkpoints, Options options);
    /// Awaits the save that is under way; its failure is logged only.
    ~Store();
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    /// Copies the tensors to host memory, then writes them in a thread; the caller may train on as soon as this returns.  Waits for
    /// the save before, so that never two are in flight.  A save that cannot be written (full disk, I/O error) is a
    /// warning, is counted, and leaves the older checkpoints; after Options::max_failures in a row this throws WriteError.
    void save_async(const State& state);

    /// Until nothing is in flight.  Throws as `save_async`.  Call it before the program ends.
    void wait();

    /// save_async and wait; throws WriteError where this very save failed.
    void save(const State& state);

    bool in_flight() const { return writer_.joinable(); }
    /// Waits for what is under way.
    SaveStats stats();
    const std::filesystem::path& folder() const { return checkpoints_; }

private:
    void join();
    void write_and_count(const State& state) noexcept;
    void throw_after_many_failures() const;

    std::filesystem::path checkpoints_;
    Options options_;
    std::thread writer_;
    // Written by the writer thread; read after it was joined.
    SaveStats stats_;
    std::string last_error_;
    std::exception_ptr bug_;  // what no disk explains
};

}  // namespace vox::checkpoint
