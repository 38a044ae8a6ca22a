#pragma once
// What this process does right now, for whoever has to say why nothing goes on (comm/watchdog.hpp).

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace vox::core {

/// What an activity waits for.  Who waits for other ranks holds nobody up.
enum class Waits { for_nothing, for_data, for_peers };

/// One thing that a thread does, from construction to destruction; they nest.  Costs less than a microsecond, any thread.
/// Each beginning and end counts as progress of this process.
class Activity {
public:
    /// `recorded`: also an event of the ring; not for what happens often in the background.
    explicit Activity(std::string_view what, Waits waits = Waits::for_nothing, bool recorded = true);
    ~Activity();
    Activity(const Activity&) = delete;
    Activity& operator=(const Activity&) = delete;

private:
    uint64_t id_;
};

/// Progress that is no activity of its own: a chunk was read, a tensor written.
void count_progress();

/// Steps done, for the events from here on.
void set_activity_step(int64_t step);

/// The process at one moment.
struct Standing {
    int64_t step = 0;
    double idle_s = 0;  // since the last progress of any thread
    Waits waits = Waits::for_nothing;  // of the thread that called `record_activities`, innermost
    std::string doing;  // of that thread, from the outermost: "reading data > World::all_ok"
    std::vector<std::string> beside;  // innermost activity of each other thread that has one
};
Standing standing();

/// Seconds that activities waited for peers so far.
double seconds_waited_for_peers();

/// From here on events go into a ring at `file`, and this thread is the one whose standing counts; until
/// `stop_recording_activities`, which removes the file.  Throws WriteError.
void record_activities(const std::filesystem::path& file);
void stop_recording_activities();

/// While a watchdog runs it alone decides how long a wait may take: limits of single waits are not looked at.
void set_watched(bool watched);
bool is_watched();

}  // namespace vox::core
