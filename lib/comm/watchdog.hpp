#pragma once
// A thread a rank that notices when nothing goes on any more, says why, and ends the job.

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "comm/world.hpp"

namespace vox::comm {

struct WatchdogOptions {
    double timeout_s = 600;         // a wait without progress of any rank for so long is a stall
    std::filesystem::path records;  // folder for rank_N.jsonl, the last events of each rank; empty: none are written
};

class WatchdogPatrol;

/// While it lives, a wait for peers or for data (core::Activity) without progress makes its rank ask all others how they stand, over
/// a communicator of the watchdogs' own.  Where a rank has died or does not answer, or no rank gets on (comm/stall.hpp), every rank
/// writes its last events, and those of dead or stopped ranks of its node, to `records`; rank 0 says who holds the job up; the job
/// ends with 76.  Where all ranks answer, rank 0's rescue runs before.
/// All ranks construct and destroy it together; one a process.  Single waits have no limit of their own meanwhile.
class Watchdog {
public:
    /// `world` is one of MpiSession.  Throws PeerError.
    explicit Watchdog(World& world, WatchdogOptions options = {});
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

    /// What rank 0's watchdog thread calls before the job ends, where the main thread stands still: saves what can be saved, and
    /// returns what it did, for the log.  An empty function takes it away; returns only when no rescue is running.
    void rescue_by(std::function<std::string()> rescue);

private:
    void watch();

    std::unique_ptr<WatchdogPatrol> patrol_;  // the thread's
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stop_ = false;
    std::thread thread_;
};

/// A rescue for as long as this object lives.
class RescueScope {
public:
    RescueScope(Watchdog& watchdog, std::function<std::string()> rescue) : watchdog_(watchdog) {
        watchdog_.rescue_by(std::move(rescue));
    }
    ~RescueScope() { watchdog_.rescue_by(nullptr); }
    RescueScope(const RescueScope&) = delete;
    RescueScope& operator=(const RescueScope&) = delete;

private:
    Watchdog& watchdog_;
};

}  // namespace vox::comm
