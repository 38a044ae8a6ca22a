#include "report/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "core/log.hpp"
#include "core/text.hpp"

namespace vox::report {
namespace {

constexpr double kRateWindowSeconds = 30.0;

double steady_seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Three digits that matter: "123", "12.3", "1.23", "0.123".
std::string short_number(double value) {
    const int decimals = value >= 100.0 ? 0 : value >= 10.0 ? 1 : value >= 1.0 ? 2 : 3;
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", decimals, value);
    return text;
}

std::string rate(double per_second, const char* unit) {
    // Slow steps read better as seconds each.
    if (per_second < 0.1) return core::concat(short_number(1.0 / per_second), " s/", unit);
    return core::concat(short_number(per_second), ' ', unit, "s/s");
}

}  // namespace

std::string progress_text(const ProgressState& state) {
    const int64_t percent = state.total_steps > 0 ? 100 * state.step / state.total_steps : 100;
    char loss[32];
    std::snprintf(loss, sizeof loss, "%.4g", state.loss);
    std::string line = core::concat("step ", state.step, '/', state.total_steps, " (", percent, "%)  loss ", loss);
    if (state.steps_per_second > 0.0) {
        line += "  " + rate(state.steps_per_second, "step");
        if (state.samples_per_second > 0.0) line += "  " + rate(state.samples_per_second, "sample");
        const double left = static_cast<double>(std::max<int64_t>(0, state.total_steps - state.step));
        line += "  ETA " + core::human_seconds(left / state.steps_per_second);
    }
    if (!state.note.empty()) line += "  " + state.note;
    return line;
}

Progress::Progress(ProgressOptions options) : options_(std::move(options)) {
    if (!options_.now) options_.now = steady_seconds;
    if (!options_.line) options_.line = [](const std::string& text) { core::log::info(text); };
    if (!options_.status) options_.status = core::log::status;
    last_shown_ = now();
    marks_.push_back({now(), options_.first_step, 0});
}

Progress::~Progress() {
    if (options_.terminal) options_.status("");
}

double Progress::now() const { return options_.now() - paused_; }

ProgressState Progress::state(int64_t step, double loss, const std::string& note) const {
    ProgressState result{step, options_.total_steps, loss, 0.0, 0.0, note};
    const Mark& oldest = marks_.front();
    const Mark& newest = marks_.back();
    const double seconds = newest.seconds - oldest.seconds;
    if (seconds > 0.0) {
        result.steps_per_second = static_cast<double>(newest.step - oldest.step) / seconds;
        result.samples_per_second = static_cast<double>(newest.samples - oldest.samples) / seconds;
    }
    return result;
}

void Progress::update(int64_t step, double loss, int64_t samples, const std::string& note) {
    const double time = now();
    samples_ += samples;
    marks_.push_back({time, step, samples_});
    // At least two marks stay, so that steps longer than the window have a rate too.
    while (marks_.size() > 2 && time - marks_[1].seconds >= kRateWindowSeconds) marks_.erase(marks_.begin());

    const bool last = step >= options_.total_steps;
    const bool first_line = last_shown_step_ < 0;  // that a run has begun is worth knowing at once
    const double wanted = options_.terminal ? options_.seconds_between_updates : options_.seconds_between_lines;
    if (!last && !first_line && time - last_shown_ < wanted) return;
    last_shown_ = time;
    last_shown_step_ = step;
    (options_.terminal ? options_.status : options_.line)(progress_text(state(step, loss, note)));
    if (last && options_.terminal) {  // what a terminal keeps of the run
        options_.status("");
        options_.line(progress_text(state(step, loss, note)));
    }
}

void Progress::pause() { pause_start_ = options_.now(); }

void Progress::resume() { paused_ += options_.now() - pause_start_; }

bool standard_error_is_terminal() { return ::isatty(STDERR_FILENO) == 1; }

}  // namespace vox::report
