#include "comm/watchdog_patrol.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <sstream>
#include <thread>

#include "comm/mpi_session.hpp"
#include "comm/mpi_world.hpp"
#include "core/activity.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"

namespace vox::comm {
namespace {

namespace fs = std::filesystem;
using core::concat;
using State = RankStanding::State;

constexpr double kAnswerS = 4;    // a rank whose watchdog does not answer for so long is lost
constexpr int kLeastEndS = 10;    // a process that is to end ends by itself after so long, whatever holds it
constexpr const char* kRingPrefix = "voxrank-";

enum Kind : int {
    kReport,  // to rank 0: "round\n" and how this rank stands; round 0: unasked, since nothing goes on here
    kGone,    // to rank 0: this rank's process has ended
    kTell,    // from rank 0: "round": how do you stand?
    kGoOn,    // from rank 0: somebody gets on
    kEnd,     // from rank 0: the job ends; ranks that do not answer
};

/// Memory of this node that other ranks of it see, and that no disk stands behind.
fs::path shared_memory_folder() {
    const fs::path folder = "/dev/shm";
    return ::access(folder.c_str(), W_OK) == 0 ? folder : fs::temp_directory_path();
}

std::string random_name() {
    std::random_device source;
    std::ostringstream name;
    name << std::hex << source() << source();
    return name.str();
}

std::vector<int> ranks_in(const std::string& text) {
    std::istringstream words(text);
    std::vector<int> ranks;
    for (int rank = 0; words >> rank;) ranks.push_back(rank);
    return ranks;
}

}  // namespace

WatchdogPatrol::WatchdogPatrol(World& world, WatchdogOptions options)
    : options_(std::move(options)), mail_(mpi_handle(world)), rank_(world.rank()), host_(world.host()) {
    ranks_.resize(static_cast<size_t>(world.size()));
    rings_ = concat(kRingPrefix, world.broadcast(random_name()), "-");
    core::remove_orphaned_rings(shared_memory_folder(), kRingPrefix);
    try {
        core::record_activities(ring_of(rank_));
    } catch (const core::WriteError& error) {
        core::log::warning("this rank's last events will not outlive it: ", error.what());
    }
    world.barrier();  // all of them are there
    for (int rank = 0; rank < world.size(); ++rank)
        if (rank != rank_ && fs::exists(ring_of(rank)))
            neighbours_.emplace(rank, std::make_unique<core::RingOwner>(ring_of(rank)));
}

WatchdogPatrol::~WatchdogPatrol() { core::stop_recording_activities(); }

void WatchdogPatrol::rescue_by(std::function<std::string()> rescue) {
    const std::scoped_lock lock(rescue_mutex_);
    rescue_ = std::move(rescue);
}

void WatchdogPatrol::round() {
    forgive_own_standstill();
    look_at_neighbours();
    while (const auto letter = mail_.receive()) open(*letter);
    if (!since_asked_ && !since_reported_ && waits_too_long()) report_unasked();
    if (since_asked_) {
        const double patience = any(State::gone) ? kAnswerS / 10 : kAnswerS;  // who is gone leaves the others a second
        if (!any(State::silent) || since_asked_->seconds() > patience) decide();
    }
    // Rank 0 asks at once whoever reports; its verdict takes as long as others' answers and a rescue.
    if (since_reported_ && since_reported_->seconds() > kAnswerS + (told_ ? rescue_limit_s() + 2 : 0)) end_alone();
}

void WatchdogPatrol::end_by_error(const std::string& why) {
    end(concat("rank ", rank_, " on ", host_, ": the watchdog cannot reach the other ranks: ", why), {});
}

fs::path WatchdogPatrol::ring_of(int rank) const { return shared_memory_folder() / concat(rings_, rank); }
double WatchdogPatrol::rescue_limit_s() const { return std::max(30.0, options_.timeout_s); }
RankStanding WatchdogPatrol::own() const { return {State::answers, host_, core::standing()}; }

bool WatchdogPatrol::waits_too_long() const {
    const auto now = core::standing();
    const double pause = std::max(1.0, options_.timeout_s / 10);
    return now.waits != core::Waits::for_nothing && now.idle_s > options_.timeout_s && since_go_on_.seconds() > pause;
}

bool WatchdogPatrol::any(RankStanding::State state) const {
    return std::ranges::any_of(ranks_, [&](const auto& rank) { return rank.state == state; });
}

/// A job that was suspended as a whole (by its scheduler, with its machine) has not stalled: the time counts for nobody.
void WatchdogPatrol::forgive_own_standstill() {
    if (since_round_.restart() < kAnswerS) return;
    core::count_progress();
    for (auto* timer : {&since_asked_, &since_reported_})
        if (*timer) (*timer)->restart();
}

void WatchdogPatrol::look_at_neighbours() {
    for (auto& [rank, owner] : neighbours_) {
        if (!owner || !owner->is_gone()) continue;
        owner.reset();
        write_record(rank);  // at once: the launcher may end this process in a second
        write_record(rank_);
        if (rank == 0) end(concat("the job ends: rank ", rank_, " on ", host_, " sees that rank 0 has died"), {});
        if (is_root())
            somebody_is_gone(rank);
        else
            mail_.send(0, kGone, std::to_string(rank));
    }
}

void WatchdogPatrol::somebody_is_gone(int rank) {
    if (!since_asked_) ask();
    ranks_.at(static_cast<size_t>(rank)).state = State::gone;
}

void WatchdogPatrol::report_unasked() {
    if (is_root()) return ask();
    since_reported_.emplace();
    told_ = false;
    mail_.send(0, kReport, concat(0, '\n', packed(own())));
}

/// Rank 0.
void WatchdogPatrol::ask() {
    since_asked_.emplace();
    ++asked_;
    for (auto& rank : ranks_) rank = {};
    ranks_.front() = own();
    for (int rank = 1; rank < mail_.size(); ++rank) mail_.send(rank, kTell, std::to_string(asked_));
}

void WatchdogPatrol::open(const Letter& letter) {
    switch (letter.kind) {
        case kReport: return take_report(letter);
        case kGone: return somebody_is_gone(std::stoi(letter.text));
        case kTell:
            since_reported_.emplace();
            told_ = true;
            return mail_.send(0, kReport, concat(letter.text, '\n', packed(own())));
        case kGoOn:
            since_reported_.reset();
            since_go_on_.restart();
            return;
        case kEnd: end("", ranks_in(letter.text), 3 * kLingerS);  // rank 0 aborts before
    }
}

void WatchdogPatrol::take_report(const Letter& letter) {
    const auto line_end = letter.text.find('\n');
    const int64_t round = std::stoll(letter.text.substr(0, line_end));
    if (round == 0 && !since_asked_) ask();
    if (round != 0 && (round != asked_ || !since_asked_)) return;  // too late: it was taken for silent, or for going on
    RankStanding& rank = ranks_.at(static_cast<size_t>(letter.from));
    if (rank.state != State::gone) rank = unpacked(letter.text.substr(line_end + 1));
}

/// Rank 0: all have answered, or had their time.
void WatchdogPatrol::decide() {
    ranks_.front() = own();
    const Verdict verdict = judge(ranks_, options_.timeout_s);
    since_asked_.reset();
    if (!verdict.ends) {
        core::log::debug("a rank waits, and another one gets on");
        since_go_on_.restart();
        for (int rank = 1; rank < mail_.size(); ++rank) mail_.send(rank, kGoOn, "");
        return;
    }
    core::log::error("the job ends: ", explain(ranks_, verdict));
    if (verdict.all_answer) rescue();
    std::vector<int> lost;
    for (size_t rank = 0; rank < ranks_.size(); ++rank)
        if (ranks_[rank].state != State::answers) lost.push_back(static_cast<int>(rank));
    for (int rank = 1; rank < mail_.size(); ++rank) mail_.send(rank, kEnd, core::join(lost, " "));
    end(options_.records.empty() ? "" : concat("each rank's last events are in ", options_.records.string()), lost);
}

void WatchdogPatrol::rescue() {
    const std::scoped_lock lock(rescue_mutex_);
    if (!rescue_) return;
    MpiSession::exit_after(static_cast<int>(rescue_limit_s()) + kLeastEndS, core::ExitCode::peer_failed);
    try {
        core::log::info(rescue_());
    } catch (const std::exception& error) {
        core::log::error("the last completed step could not be saved: ", error.what());
    }
}

/// Rank 0 does not answer, or did and then fell silent.
void WatchdogPatrol::end_alone() {
    const auto now = core::standing();
    end(concat("rank ", rank_, " on ", host_,
               ": the job ends: rank 0 does not answer: stopped, or its host is lost.  This rank is after step ",
               now.step, ", ", now.doing, ", for ", core::human_seconds(now.idle_s)),
        {0});
}

/// The last events of a rank of this node, as far as they can be written.
void WatchdogPatrol::write_record(int rank) const {
    if (options_.records.empty() || !fs::exists(ring_of(rank))) return;
    try {
        fs::create_directories(options_.records);
        core::write_json_lines(options_.records / concat("rank_", rank, ".jsonl"),
                               core::EventRing::read(ring_of(rank)));
    } catch (const std::exception& error) {
        core::log::warning("the last events of rank ", rank, " are lost: ", error.what());
    }
}

void WatchdogPatrol::end(const std::string& message, const std::vector<int>& lost, double linger_s) {
    MpiSession::exit_after(kLeastEndS, core::ExitCode::peer_failed);
    write_record(rank_);
    for (const int rank : lost) write_record(rank);
    if (!message.empty()) core::log::error(message);
    core::stop_recording_activities();  // a rank that leaves in order is not one that died
    std::error_code ignored;
    for (const int rank : lost) fs::remove(ring_of(rank), ignored);
    const core::Timer timer;
    while (timer.seconds() < linger_s) {
        mail_.receive();
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    MpiSession::abort(static_cast<int>(core::ExitCode::peer_failed));
}

}  // namespace vox::comm
