#include "core/event_ring.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <utility>

#include "core/calendar.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::core {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBytes = static_cast<size_t>(EventRing::kEvents) * sizeof(Event);
static_assert(sizeof(Event) == 128);

/// A number is stored last and taken away first, so that a half-written event is none.
std::atomic_ref<int64_t> number_of(Event& event) { return std::atomic_ref<int64_t>(event.number); }

std::string json_text(std::string_view text) {
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    return quoted + '"';
}

}  // namespace

EventRing::EventRing(fs::path file)
    : file_(std::move(file)), descriptor_(::open(file_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
    const auto failed = [&](const char* action) {
        const int reason = errno;
        if (descriptor_ >= 0) ::close(descriptor_);
        throw WriteError(concat("cannot ", action, ' ', file_.string(), ": ", std::strerror(reason)));
    };
    if (descriptor_ < 0) failed("create");
    // Memory for all of it at once: a full disk must not end the process at a later event.
    if (const int error = ::posix_fallocate(descriptor_, 0, kBytes); error != 0) {
        errno = error;
        failed("make room in");
    }
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) failed("lock");
    void* const memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, 0);
    if (memory == MAP_FAILED) failed("map");
    events_ = static_cast<Event*>(memory);
}

EventRing::~EventRing() {
    ::unlink(file_.c_str());
    ::munmap(events_, kBytes);
    ::close(descriptor_);
}

int64_t EventRing::begin(std::string_view what, int64_t step) {
    const int64_t number = ++last_;
    Event& event = events_[number % kEvents];
    number_of(event).store(0, std::memory_order_release);
    event.step = step;
    event.begin = seconds_since_1970();
    event.end = 0;
    const size_t length = std::min(what.size(), sizeof event.what - 1);
    std::memcpy(event.what, what.data(), length);
    event.what[length] = '\0';
    number_of(event).store(number, std::memory_order_release);
    return number;
}

void EventRing::end(int64_t number) {
    Event& event = events_[number % kEvents];
    if (event.number == number) event.end = seconds_since_1970();
}

std::vector<Event> EventRing::read(const fs::path& file) {
    std::vector<Event> events(kEvents);
    std::ifstream in(file, std::ios::binary);
    if (!in.read(reinterpret_cast<char*>(events.data()), static_cast<std::streamsize>(kBytes))) return {};
    std::erase_if(events, [](const Event& event) { return event.number <= 0; });
    for (Event& event : events) event.what[sizeof event.what - 1] = '\0';
    std::ranges::sort(events, {}, &Event::number);
    return events;
}

RingOwner::RingOwner(const fs::path& file) : file_(file), descriptor_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) throw DataError(concat("cannot open ", file.string(), ": ", std::strerror(errno)));
}

RingOwner::~RingOwner() { ::close(descriptor_); }

bool RingOwner::is_gone() const {
    if (::flock(descriptor_, LOCK_SH | LOCK_NB) != 0) return false;  // its process still holds it
    ::flock(descriptor_, LOCK_UN);
    return ::access(file_.c_str(), F_OK) == 0;  // who leaves in order removes it
}

void remove_orphaned_rings(const fs::path& folder, std::string_view prefix) {
    std::error_code ignored;
    const auto hour_ago = fs::file_time_type::clock::now() - std::chrono::hours(1);
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
        if (!entry.path().filename().string().starts_with(prefix)) continue;
        const auto changed = fs::last_write_time(entry.path(), ignored);
        if (ignored || changed > hour_ago) continue;
        try {
            if (RingOwner(entry.path()).is_gone()) fs::remove(entry.path(), ignored);
        } catch (const DataError&) {
            // Somebody else's, or gone by now.
        }
    }
}

void write_json_lines(const fs::path& file, const std::vector<Event>& events) {
    const fs::path unfinished = concat(file.string(), ".", ::getpid());
    std::ofstream out(unfinished);
    char number[64];
    for (const Event& event : events) {
        std::snprintf(number, sizeof number, "%.6f", event.begin);
        out << "{\"event\": " << event.number << ", \"step\": " << event.step << ", \"time\": " << number;
        std::snprintf(number, sizeof number, "%.6f", event.end - event.begin);
        if (event.end > 0) out << ", \"seconds\": " << number;
        out << ", \"what\": " << json_text(event.what) << "}\n";
    }
    out.close();
    std::error_code error;
    fs::rename(unfinished, file, error);
    if (!out || error) throw WriteError(concat("cannot write ", file.string(), ": is the disk full?"));
}

}  // namespace vox::core
