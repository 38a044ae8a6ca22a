#pragma once
// How far a run is: one line that stays at the bottom of a terminal, or plain log lines at intervals.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace vox::report {

/// "step 120/1000 (12%)  loss 0.4321  2.1 steps/s  8.4 samples/s  ETA 7 min 02 s".
struct ProgressState {
    int64_t step = 0;
    int64_t total_steps = 0;
    double loss = 0.0;
    double steps_per_second = 0.0;  // 0: not known yet, rates and ETA are left out
    double samples_per_second = 0.0;
    std::string note;               // put last: "epoch 3", "dice 0.71"
};
std::string progress_text(const ProgressState& state);

struct ProgressOptions {
    int64_t total_steps = 0;
    int64_t first_step = 0;                  // where a resumed run goes on
    bool terminal = false;                   // usually standard_error_is_terminal()
    double seconds_between_lines = 10.0;     // plain lines
    double seconds_between_updates = 0.2;    // terminal
    std::function<double()> now;             // seconds; none: the steady clock
    std::function<void(const std::string&)> line;    // none: core::log::info
    std::function<void(const std::string&)> status;  // none: core::log::status
};

/// Rank 0 only; one thread.  Rates are over the last half minute, so that a slow start or a validation is soon forgotten.
class Progress {
public:
    explicit Progress(ProgressOptions options);
    ~Progress();  // takes the terminal's line away
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// After a step: `samples` is how many the step took over all ranks.
    void update(int64_t step, double loss, int64_t samples, const std::string& note = "");
    /// Time that is no training (validation, a save that is awaited) is left out of the rates: call before and after it.
    void pause();
    void resume();

private:
    struct Mark {
        double seconds;
        int64_t step;
        int64_t samples;
    };
    double now() const;
    ProgressState state(int64_t step, double loss, const std::string& note) const;

    ProgressOptions options_;
    std::vector<Mark> marks_;  // oldest first, the last half minute
    int64_t samples_ = 0;
    double paused_ = 0.0;
    double pause_start_ = -1.0;
    double last_shown_;
    int64_t last_shown_step_ = -1;
};

bool standard_error_is_terminal();

}  // namespace vox::report
