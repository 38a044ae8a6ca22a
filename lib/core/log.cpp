#include "core/log.hpp"

#include <fcntl.h>

#include <array>
#include <ctime>
#include <iostream>
#include <mutex>
#include <optional>

#include "core/appended_file.hpp"

namespace vox::core::log {
namespace {

struct State {
    std::mutex mutex;
    std::optional<AppendedFile> file;
    std::string status;
    Level level = Level::info;
    int rank = 0;
    int world_size = 1;
};

constexpr const char* kClearLine = "\r\x1b[K";  // to the line's start, and erase to its end

State& state() {
    static State instance;
    return instance;
}

std::string time_of_day() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    localtime_r(&now, &parts);
    std::array<char, 16> text{};
    std::strftime(text.data(), text.size(), "%H:%M:%S", &parts);
    return text.data();
}

}  // namespace

void set_rank(int rank, int world_size) {
    const std::scoped_lock lock(state().mutex);
    state().rank = rank;
    state().world_size = world_size;
}

void set_level(Level level) {
    const std::scoped_lock lock(state().mutex);
    state().level = level;
}

void open_file(const std::filesystem::path& file) {
    const std::scoped_lock lock(state().mutex);
    state().file.emplace(file, O_APPEND);
}

void status(const std::string& line) {
    const std::scoped_lock lock(state().mutex);
    // Without wrapping: what is too long for the terminal is cut off, so that one line is all there is to clear.
    state().status = line.empty() ? line : concat("\x1b[?7l", line, "\x1b[?7h");
    std::cerr << concat(kClearLine, state().status) << std::flush;
}

void write(Level level, const std::string& line) {
    State& log = state();
    const std::scoped_lock lock(log.mutex);
    if (level < log.level) return;
    if (log.rank != 0 && level < Level::warning) return;
    const char* mark = level == Level::warning ? "warning: " : level == Level::error ? "error: " : "";
    const std::string who = log.rank == 0 ? "" : concat("[rank ", log.rank, "] ");
    // One write per line, so that lines of several ranks do not mix.
    std::string text = concat(time_of_day(), ' ', who, mark, line, '\n');
    if (log.file)
        if (const auto news = log.file->append(text); !news.empty())
            text += concat(time_of_day(), " warning: ", news, '\n');
    std::cerr << (log.status.empty() ? text : concat(kClearLine, text, log.status)) << std::flush;
}

}  // namespace vox::core::log
