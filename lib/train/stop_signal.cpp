#include "train/stop_signal.hpp"

#include <csignal>

namespace vox::train {
namespace {

volatile std::sig_atomic_t stop_requested = 0;
void request_stop(int) { stop_requested = 1; }

}  // namespace

StopSignal::StopSignal() {
    stop_requested = 0;
    std::signal(SIGUSR1, request_stop);
    std::signal(SIGTERM, request_stop);
}

StopSignal::~StopSignal() {
    std::signal(SIGUSR1, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
}

bool StopSignal::requested() const { return stop_requested != 0; }

}  // namespace vox::train
