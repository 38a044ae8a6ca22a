#pragma once

#include <chrono>

namespace vox::core {

/// Seconds since construction or the last `restart()`, from the steady clock.
class Timer {
public:
    double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
    /// The seconds so far; counts anew from here.
    double restart() {
        const double elapsed = seconds();
        start_ = Clock::now();
        return elapsed;
    }

private:
    using Clock = std::chrono::steady_clock;
    Clock::time_point start_ = Clock::now();
};

}  // namespace vox::core
