#pragma once
// The program's log: lines on standard error and, where a run folder is open, in its log.txt.
// Rank 0 prints everything; other ranks print warnings and errors only, with their rank in front.

#include <filesystem>
#include <string>

#include "core/text.hpp"

namespace vox::core::log {

enum class Level { debug, info, warning, error };

/// Once per process, before the first line of a distributed program: who is speaking.
void set_rank(int rank, int world_size);

/// Lines below `level` are dropped.  The default is info.
void set_level(Level level);

/// Rank 0 only: also append every line to `file`, later where the disk refuses.  Throws WriteError where it cannot open.
void open_file(const std::filesystem::path& file);

/// Shows `line` as the last line of a terminal: log lines go above it, and an empty text takes it away.  Not in the log's
/// file.  Only where standard error is a terminal; rank 0 only.  Thread safe.
void status(const std::string& line);

/// Writes one line.  Thread safe.
void write(Level level, const std::string& line);

template <class... Parts>
void debug(const Parts&... parts) {
    write(Level::debug, concat(parts...));
}
template <class... Parts>
void info(const Parts&... parts) {
    write(Level::info, concat(parts...));
}
template <class... Parts>
void warning(const Parts&... parts) {
    write(Level::warning, concat(parts...));
}
template <class... Parts>
void error(const Parts&... parts) {
    write(Level::error, concat(parts...));
}

}  // namespace vox::core::log
