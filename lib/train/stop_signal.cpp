#include "train/stop_signal.hpp"

#include <csignal>
#include <cstdlib>

#include "core/calendar.hpp"
#include "core/text.hpp"

namespace vox::train {
namespace {

volatile std::sig_atomic_t stop_requested = 0;
void request_stop(int) { stop_requested = 1; }

}  // namespace

void StopSignal::listen() {
    std::signal(SIGUSR1, request_stop);
    std::signal(SIGTERM, request_stop);
}

StopSignal::StopSignal(double margin_s) : margin_s_(margin_s) {
    listen();
    const char* end = std::getenv("SLURM_JOB_END_TIME");
    const double seconds = end == nullptr ? 0 : std::strtod(end, nullptr);
    if (margin_s > 0 && seconds > 0) stop_at_ = seconds - margin_s;
}

// The handlers stay: a second signal must not end a program that has saved and is about to say so.
StopSignal::~StopSignal() { stop_requested = 0; }

bool StopSignal::requested() const {
    return stop_requested != 0 || (stop_at_ > 0 && core::seconds_since_1970() >= stop_at_);
}

std::string StopSignal::reason() const {
    if (stop_requested != 0) return "it got a signal";
    if (requested()) return core::concat("the job's time limit is less than ", margin_s_, " s away");
    return "another rank was asked to";
}

}  // namespace vox::train
