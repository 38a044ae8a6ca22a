#include "comm/watchdog.hpp"

#include <chrono>

#include "comm/watchdog_patrol.hpp"
#include "core/activity.hpp"

namespace vox::comm {

Watchdog::Watchdog(World& world, WatchdogOptions options)
    : patrol_(std::make_unique<WatchdogPatrol>(world, std::move(options))) {
    core::set_watched(true);
    thread_ = std::thread([this] { watch(); });
}

Watchdog::~Watchdog() {
    core::set_watched(false);
    {
        const std::scoped_lock lock(mutex_);
        stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void Watchdog::rescue_by(std::function<std::string()> rescue) { patrol_->rescue_by(std::move(rescue)); }

void Watchdog::watch() {
    constexpr auto kPeriod = std::chrono::milliseconds(100);
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, kPeriod, [this] { return stop_; })) {
        lock.unlock();
        try {
            patrol_->round();
        } catch (const std::exception& error) {
            patrol_->end_by_error(error.what());
        }
        lock.lock();
    }
}

}  // namespace vox::comm
