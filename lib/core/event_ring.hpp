#pragma once
// The last events of a process in a memory-mapped file: they are there after it was killed, and while it stands still.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

namespace vox::core {

/// One thing that a process did.  Plain bytes, as they lie in the file.
struct Event {
    int64_t number = 0;  // 1, 2, ...; 0: nothing here
    int64_t step = 0;    // steps done when it began
    double begin = 0;    // seconds since 1970
    double end = 0;      // 0: it is not over
    char what[96] = {};  // ends in 0
};

/// The file has room for kEvents; newer ones take the place of the oldest.  Writing never waits for a disk where the file lies
/// in shared memory.  One writer at a time; anybody may read.
class EventRing {
public:
    static constexpr int64_t kEvents = 64;

    /// Creates the file and locks it: the lock goes with the process, however that ends.  Throws WriteError.
    explicit EventRing(std::filesystem::path file);
    /// Removes the file.
    ~EventRing();
    EventRing(const EventRing&) = delete;
    EventRing& operator=(const EventRing&) = delete;

    /// Returns its number, for `end`.
    int64_t begin(std::string_view what, int64_t step);
    /// Nothing where the event's place was taken since.
    void end(int64_t number);

    /// The events of a file, this process's or another's, oldest first; none where it is no such file.
    static std::vector<Event> read(const std::filesystem::path& file);

private:
    std::filesystem::path file_;
    int descriptor_ = -1;
    Event* events_ = nullptr;
    int64_t last_ = 0;
};

/// Looks at another process's file: whether the one that made it is still there.
class RingOwner {
public:
    /// The file must be there.  Throws DataError.
    explicit RingOwner(const std::filesystem::path& file);
    ~RingOwner();
    RingOwner(const RingOwner&) = delete;
    RingOwner& operator=(const RingOwner&) = delete;

    /// True once its process ended without removing the file.  Never waits.
    bool is_gone() const;

private:
    std::filesystem::path file_;
    int descriptor_ = -1;
};

/// Removes files in `folder` whose names begin with `prefix`, whose processes have ended and which are older than an hour.
void remove_orphaned_rings(const std::filesystem::path& folder, std::string_view prefix);

/// The events as JSON lines: {"event": 7, "step": 3, "time": ..., "seconds": 0.2, "what": "..."}; what is not over has no
/// "seconds".  Written beside and renamed.  Throws WriteError.
void write_json_lines(const std::filesystem::path& file, const std::vector<Event>& events);

}  // namespace vox::core
