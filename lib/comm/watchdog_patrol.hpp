#pragma once
// What a watchdog's thread does, a round at a time.  Inside this module only.

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "comm/mailbox.hpp"
#include "comm/stall.hpp"
#include "comm/watchdog.hpp"
#include "core/event_ring.hpp"
#include "core/timer.hpp"

namespace vox::comm {

/// Rank 0 asks, judges and decides; the others report, unasked where nothing goes on with them.  All members but `rescue_by` belong
/// to the watchdog's thread once it runs.
class WatchdogPatrol {
public:
    /// All ranks together.
    WatchdogPatrol(World& world, WatchdogOptions options);
    ~WatchdogPatrol();
    WatchdogPatrol(const WatchdogPatrol&) = delete;
    WatchdogPatrol& operator=(const WatchdogPatrol&) = delete;

    void rescue_by(std::function<std::string()> rescue);  // any thread

    /// Reads the mail, looks at this rank and its neighbours, and ends the job where that has to be.
    void round();
    /// MPI itself failed: other ranks cannot be reached.
    [[noreturn]] void end_by_error(const std::string& why);

private:
    static constexpr double kLingerS = 1;  // between rank 0's last word and its abort: the others write their records

    bool is_root() const { return rank_ == 0; }
    std::filesystem::path ring_of(int rank) const;
    double rescue_limit_s() const;
    RankStanding own() const;
    bool waits_too_long() const;
    bool any(RankStanding::State state) const;

    void forgive_own_standstill();
    void look_at_neighbours();
    void somebody_is_gone(int rank);
    void report_unasked();
    void ask();
    void open(const Letter& letter);
    void take_report(const Letter& letter);
    void decide();
    void rescue();
    [[noreturn]] void end_alone();
    /// Writes the records of this rank and of `lost` ones, and stays for `linger_s` before it aborts the job.
    [[noreturn]] void end(const std::string& message, const std::vector<int>& lost, double linger_s = kLingerS);
    void write_record(int rank) const;

    WatchdogOptions options_;
    Mailbox mail_;
    int rank_;
    std::string host_;
    std::string rings_;  // beginning of the names of all ranks' rings
    std::map<int, std::unique_ptr<core::RingOwner>> neighbours_;  // other ranks of this node; null once gone

    // Rank 0: the questions that are under way.
    int64_t asked_ = 0;  // times so far
    std::optional<core::Timer> since_asked_;
    std::vector<RankStanding> ranks_;

    // Other ranks: since they reported; told: rank 0 was heard since.
    std::optional<core::Timer> since_reported_;
    bool told_ = false;

    core::Timer since_go_on_, since_round_;

    std::mutex rescue_mutex_;  // held while a rescue runs
    std::function<std::string()> rescue_;
};

}  // namespace vox::comm
