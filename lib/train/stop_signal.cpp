#include "train/stop_signal.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>

#include "core/text.hpp"

namespace vox::train {
namespace {

volatile std::sig_atomic_t stop_requested = 0;
void request_stop(int) { stop_requested = 1; }

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

}  // namespace

StopSignal::StopSignal(double margin_s) : margin_s_(margin_s) {
    stop_requested = 0;
    std::signal(SIGUSR1, request_stop);
    std::signal(SIGTERM, request_stop);
    const char* end = std::getenv("SLURM_JOB_END_TIME");
    const double seconds = end == nullptr ? 0 : std::strtod(end, nullptr);
    if (margin_s > 0 && seconds > 0) stop_at_ = seconds - margin_s;
}

StopSignal::~StopSignal() {
    std::signal(SIGUSR1, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
}

bool StopSignal::requested() const { return stop_requested != 0 || (stop_at_ > 0 && now() >= stop_at_); }

std::string StopSignal::reason() const {
    if (stop_requested != 0) return "it got a signal";
    if (requested()) return core::concat("the job's time limit is less than ", margin_s_, " s away");
    return "another rank was asked to";
}

}  // namespace vox::train
