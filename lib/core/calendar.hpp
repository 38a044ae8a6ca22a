#pragma once

#include <chrono>

namespace vox::core {

/// Seconds since 1970 by the calendar's clock, which may jump: for people and files, never for measuring (core::Timer).
inline double seconds_since_1970() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace vox::core
