#pragma once
// What can go wrong, by who has to act.  Every message says what happened, where, and what to do.

#include <source_location>
#include <stdexcept>
#include <string>

namespace vox::core {

/// Exit codes of all programs (sysexits where one fits).
enum class ExitCode : int {
    done = 0,
    usage = 64,         // the command line is wrong
    bad_data = 65,      // an input file is wrong
    internal = 70,      // our own bug
    cannot_write = 73,  // the output place refuses
    stopped = 75,       // stopped by request and saved: start again to go on
    peer_failed = 76,   // another rank failed or hangs
    bad_config = 78,    // the configuration is wrong
};

/// Base of every error that a program reports and ends with.  `where()` is the place in our source that noticed it.
class Error : public std::runtime_error {
public:
    Error(ExitCode code, const std::string& what, std::source_location where)
        : std::runtime_error(what), code_(code), where_(where) {}
    ExitCode code() const noexcept { return code_; }
    const std::source_location& where() const noexcept { return where_; }

private:
    ExitCode code_;
    std::source_location where_;
};

/// The command line cannot be understood.
struct UsageError : Error {
    explicit UsageError(const std::string& what, std::source_location where = std::source_location::current())
        : Error(ExitCode::usage, what, where) {}
};

/// An input file is missing, damaged, or not what it has to be.
struct DataError : Error {
    explicit DataError(const std::string& what, std::source_location where = std::source_location::current())
        : Error(ExitCode::bad_data, what, where) {}
};

/// A file or folder cannot be written.
struct WriteError : Error {
    explicit WriteError(const std::string& what, std::source_location where = std::source_location::current())
        : Error(ExitCode::cannot_write, what, where) {}
};

/// Another rank failed, left, or does not answer.
struct PeerError : Error {
    explicit PeerError(const std::string& what, std::source_location where = std::source_location::current())
        : Error(ExitCode::peer_failed, what, where) {}
};

/// A configuration key is unknown, has the wrong type, or contradicts another.
struct ConfigError : Error {
    explicit ConfigError(const std::string& what, std::source_location where = std::source_location::current())
        : Error(ExitCode::bad_config, what, where) {}
};

/// A promise inside the program was broken: a bug of ours, never the user's fault.
struct InternalError : Error {
    explicit InternalError(const std::string& what, std::source_location where = std::source_location::current())
        : Error(ExitCode::internal, what, where) {}
};

/// Throws InternalError unless `condition` holds.
inline void check(bool condition, const std::string& what,
                  std::source_location where = std::source_location::current()) {
    if (!condition) throw InternalError(what, where);
}

/// "trainer.cpp:120": the last folder-free part of a source location.
std::string place(const std::source_location& where);

}  // namespace vox::core
