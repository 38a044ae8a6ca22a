#include "core/activity.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "core/event_ring.hpp"
#include "core/timer.hpp"

namespace vox::core {
namespace {

struct Open {
    std::string what;
    Waits waits;
    std::thread::id thread;
    int64_t event = 0;  // its number in the ring; 0: not recorded
    Timer since;
};

/// All of it guarded by the mutex.
struct Recorder {
    std::mutex mutex;
    std::map<uint64_t, Open> open;  // by id, which grows
    uint64_t last_id = 0;
    int64_t step = 0;
    Timer since_progress;
    double waited_for_peers_s = 0;
    std::thread::id owner;
    std::unique_ptr<EventRing> ring;
};

/// Never destroyed: threads may end after main.
Recorder& recorder() {
    static auto* const instance = new Recorder;
    return *instance;
}

std::atomic<bool> watched = false;

}  // namespace

Activity::Activity(std::string_view what, Waits waits, bool recorded) {
    Recorder& all = recorder();
    const std::scoped_lock lock(all.mutex);
    id_ = ++all.last_id;
    const int64_t event = recorded && all.ring ? all.ring->begin(what, all.step) : 0;
    all.open.emplace(id_, Open{std::string(what), waits, std::this_thread::get_id(), event, {}});
    all.since_progress.restart();
}

Activity::~Activity() {
    Recorder& all = recorder();
    const std::scoped_lock lock(all.mutex);
    const auto found = all.open.find(id_);
    if (found->second.event > 0 && all.ring) all.ring->end(found->second.event);
    if (found->second.waits == Waits::for_peers) all.waited_for_peers_s += found->second.since.seconds();
    all.open.erase(found);
    all.since_progress.restart();
}

void count_progress() {
    Recorder& all = recorder();
    const std::scoped_lock lock(all.mutex);
    all.since_progress.restart();
}

void set_activity_step(int64_t step) {
    Recorder& all = recorder();
    const std::scoped_lock lock(all.mutex);
    all.step = step;
}

Standing standing() {
    Recorder& all = recorder();
    const std::scoped_lock lock(all.mutex);
    Standing now;
    now.step = all.step;
    now.idle_s = all.since_progress.seconds();
    std::map<std::thread::id, std::string> beside;
    for (const auto& [id, activity] : all.open) {
        if (activity.thread != all.owner) {
            beside[activity.thread] = activity.what;
            continue;
        }
        if (!now.doing.empty()) now.doing += " > ";
        now.doing += activity.what;
        now.waits = activity.waits;
    }
    for (auto& [thread, what] : beside) now.beside.push_back(std::move(what));
    return now;
}

double seconds_waited_for_peers() {
    Recorder& all = recorder();
    const std::scoped_lock lock(all.mutex);
    return all.waited_for_peers_s;
}

void record_activities(const std::filesystem::path& file) {
    auto ring = std::make_unique<EventRing>(file);
    Recorder& all = recorder();
    const std::scoped_lock lock(all.mutex);
    all.ring = std::move(ring);
    all.owner = std::this_thread::get_id();
    all.since_progress.restart();
}

void stop_recording_activities() {
    Recorder& all = recorder();
    const std::scoped_lock lock(all.mutex);
    for (auto& [id, activity] : all.open) activity.event = 0;
    all.ring.reset();
}

void set_watched(bool value) { watched = value; }
bool is_watched() { return watched; }

}  // namespace vox::core
