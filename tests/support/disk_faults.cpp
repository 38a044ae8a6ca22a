// A disk that misbehaves, for programs as they ship: a library for LD_PRELOAD.  DISK_FAULT says what goes wrong:
//   DISK_FAULT="write /checkpoints/ @3 ENOSPC"                 the third write to a path that contains "/checkpoints/"
//   DISK_FAULT="fsync .h5 @2+4 rank=1 EIO; rename x @2+ EDQUOT"  four from the second on, on rank 1; all from the second on
//   DISK_FAULT="pread .h5 while=/tmp/flag delay=2000"          every one while that file is there: 2 s later
// Calls: write, pwrite, pread, fsync, close, rename (renameat2 too; either path counts).  Instead of an error: delay=MS, kill
// (before the call), note (says each call and does nothing).  A fault says on standard error that it happened, once.

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <sstream>
#include <string>
#include <utility>

namespace {

struct Fault {
    std::string call, path_part, flag_file, action;
    long first = 1, last = LONG_MAX;  // of the calls that match
    int rank = -1;  // -1: all
    std::atomic<long> calls = 0;
    std::atomic<bool> said = false;
};

/// 0 for a text that names none.
int error_of(const std::string& name) {
    for (const auto& [known, error] :
         {std::pair("ENOSPC", ENOSPC), std::pair("EIO", EIO), std::pair("EDQUOT", EDQUOT), std::pair("ESTALE", ESTALE)})
        if (name == known) return error;
    return 0;
}

std::deque<Fault>* faults = nullptr;  // set once and never freed: files are closed after the last destructor

void say(const std::string& text) { (void)!::syscall(SYS_write, 2, text.data(), text.size()); }

void parse_one(const std::string& text) {
    std::istringstream words(text);
    Fault& fault = faults->emplace_back();
    words >> fault.call >> fault.path_part;
    for (std::string word; words >> word;) {
        const std::string value = word.substr(word.find('=') + 1);
        if (word[0] == '@') {
            const auto plus = word.find('+');
            fault.first = fault.last = std::atol(word.c_str() + 1);
            if (plus != std::string::npos)
                fault.last = plus + 1 == word.size() ? LONG_MAX : fault.first + std::atol(word.c_str() + plus + 1) - 1;
        } else if (word.starts_with("rank=")) {
            fault.rank = std::atoi(value.c_str());
        } else if (word.starts_with("while=")) {
            fault.flag_file = value;
        } else {
            fault.action = word;
        }
    }
    const bool known = fault.action == "kill" || fault.action == "note" || fault.action.starts_with("delay=") ||
                       error_of(fault.action) != 0;
    if (!known) {
        say("DISK_FAULT: unknown action '" + fault.action + "'\n");
        ::abort();
    }
}

__attribute__((constructor)) void parse_all() {
    const char* text = std::getenv("DISK_FAULT");
    if (text == nullptr) return;
    faults = new std::deque<Fault>;
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, ';');) parse_one(part);
}

int rank_of_this_process() {
    const char* value = std::getenv("OMPI_COMM_WORLD_RANK");
    return value == nullptr ? 0 : std::atoi(value);
}

std::string path_of(int descriptor) {
    char link[64], path[PATH_MAX];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    const ssize_t length = ::readlink(link, path, sizeof path);
    return length < 0 ? "" : std::string(path, static_cast<size_t>(length));
}

/// The error that this call must give, or 0 where it goes its way.
int happen(Fault& fault, const std::string& path) {
    if (fault.rank >= 0 && fault.rank != rank_of_this_process()) return 0;
    if (path.find(fault.path_part) == std::string::npos) return 0;
    if (!fault.flag_file.empty() && ::access(fault.flag_file.c_str(), F_OK) != 0) return 0;
    const long call = ++fault.calls;
    if (call < fault.first || call > fault.last) return 0;
    if (fault.action == "note" || !fault.said.exchange(true))
        say("disk fault: " + fault.action + " at " + fault.call + ' ' + std::to_string(call) + " of " + path + '\n');
    if (fault.action == "kill") ::raise(SIGKILL);
    if (fault.action.starts_with("delay="))
        ::usleep(static_cast<useconds_t>(std::atol(fault.action.c_str() + 6)) * 1000);
    return error_of(fault.action);
}

template <class PathOf>
int fault_at(const char* call, PathOf path) {
    if (faults == nullptr) return 0;
    const int before = errno;
    for (Fault& fault : *faults) {
        if (fault.call != call) continue;
        if (const int error = happen(fault, path()); error != 0) return error;
    }
    errno = before;
    return 0;
}

template <class Function>
Function real(const char* name) {
    return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

/// Calls the next library's function of that name, unless a fault stands in its place.
template <class Result, class Function, class PathOf, class... Arguments>
Result pass_on(const char* call, Function next, PathOf path, Arguments... arguments) {
    if (const int error = fault_at(call, path); error != 0) {
        errno = error;
        return -1;
    }
    return next(arguments...);
}

}  // namespace

// The parameters are the C library's.
#define FAULTY_BY_DESCRIPTOR(result, name, call, parameters, ...)                                      \
    extern "C" result name parameters {                                                                \
        static const auto next = real<result(*) parameters>(#name);                                    \
        return pass_on<result>(call, next, [descriptor] { return path_of(descriptor); }, __VA_ARGS__); \
    }

FAULTY_BY_DESCRIPTOR(ssize_t, write, "write", (int descriptor, const void* data, size_t bytes), descriptor, data, bytes)
FAULTY_BY_DESCRIPTOR(ssize_t, pwrite, "pwrite", (int descriptor, const void* data, size_t bytes, off_t at), descriptor,
                     data, bytes, at)
FAULTY_BY_DESCRIPTOR(ssize_t, pwrite64, "pwrite", (int descriptor, const void* data, size_t bytes, off64_t at),
                     descriptor, data, bytes, at)
FAULTY_BY_DESCRIPTOR(ssize_t, pread, "pread", (int descriptor, void* data, size_t bytes, off_t at), descriptor, data,
                     bytes, at)
FAULTY_BY_DESCRIPTOR(ssize_t, pread64, "pread", (int descriptor, void* data, size_t bytes, off64_t at), descriptor,
                     data, bytes, at)
FAULTY_BY_DESCRIPTOR(int, fsync, "fsync", (int descriptor), descriptor)

/// A descriptor is gone also where close() reports what the system could only find out late.
extern "C" int close(int descriptor) {
    static const auto next = real<int (*)(int)>("close");
    const int error = fault_at("close", [descriptor] { return path_of(descriptor); });
    const int result = next(descriptor);
    if (error == 0) return result;
    errno = error;
    return -1;
}

extern "C" int rename(const char* from, const char* to) noexcept {
    static const auto next = real<int (*)(const char*, const char*)>("rename");
    return pass_on<int>("rename", next, [&] { return std::string(from) + " to " + to; }, from, to);
}

extern "C" int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) noexcept {
    static const auto next = real<int (*)(int, const char*, int, const char*, unsigned)>("renameat2");
    return pass_on<int>(
        "rename", next, [&] { return std::string(from) + " to " + to; }, from_folder, from, to_folder, to, flags);
}
