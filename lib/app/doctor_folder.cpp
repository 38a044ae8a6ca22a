#include "app/doctor_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "core/text.hpp"
#include "core/timer.hpp"
#include "report/run_folder.hpp"

namespace vox::app {
namespace {

namespace fs = std::filesystem;
using core::concat;
using core::ExitCode;
using core::WriteError;

/// A file descriptor that closes itself.
struct OpenFile {
    OpenFile(const fs::path& path, int flags) : number(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
    ~OpenFile() {
        if (number >= 0) ::close(number);
    }
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;
    int number;
};

/// A folder that is there while this object lives, and afterwards if it was there before.
class Borrowed {
public:
    explicit Borrowed(const fs::path& folder) {
        std::error_code error;
        if (fs::exists(folder, error) && !fs::is_directory(folder, error))
            throw WriteError(
                concat("a file is in the place of ", folder.string(), "; move it away or name another --run folder"));
        for (auto part = fs::absolute(folder).lexically_normal(); !fs::exists(part, error); part = part.parent_path()) {
            if (error || part == part.parent_path()) break;
            made_.push_back(part);
        }
        fs::create_directories(folder, error);
        if (!error) return;
        remove();
        throw WriteError(concat(folder.string(), " cannot be created (", error.message(),
                                "); name a --run folder on a disk that can be written"));
    }
    ~Borrowed() { remove(); }
    Borrowed(const Borrowed&) = delete;
    Borrowed& operator=(const Borrowed&) = delete;

private:
    void remove() const {
        for (const auto& part : made_) ::rmdir(part.c_str());  // innermost first; only where it is empty
    }

    std::vector<fs::path> made_;
};

/// A small file of this program's own in the folder, removed in the end.
class Probe {
public:
    explicit Probe(const fs::path& folder) : path_(folder / concat(".doctor_", ::getpid())) {}
    ~Probe() { ::unlink(path_.c_str()); }
    Probe(const Probe&) = delete;
    Probe& operator=(const Probe&) = delete;

    const fs::path& path() const { return path_; }

    /// Seconds for a MiB to be safe on the disk.
    double write_and_sync() const {
        const core::Timer timer;
        const auto partial = fs::path(path_.string() + ".tmp");
        const OpenFile file(partial, O_WRONLY | O_CREAT | O_TRUNC);
        const std::string mib(1 << 20, 'x');
        const bool written = file.number >= 0 && ::write(file.number, mib.data(), mib.size()) == ssize_t{1 << 20};
        const int reason = errno;
        const bool synced = written && ::fsync(file.number) == 0 && ::rename(partial.c_str(), path_.c_str()) == 0;
        if (synced) return timer.seconds();
        const int later = errno;
        ::unlink(partial.c_str());
        throw WriteError(concat(
            path_.parent_path().string(), ": a file of 1 MiB cannot be written, synced and renamed (",
            std::strerror(written ? later : reason), "); free some space, or name a --run folder on another disk"));
    }

    /// Empty where a lock keeps a second job out; else why not.
    std::string lock_problem() const {
        const OpenFile first(path_, O_RDWR), second(path_, O_RDWR);
        if (::flock(first.number, LOCK_EX | LOCK_NB) != 0) return std::strerror(errno);
        return ::flock(second.number, LOCK_EX | LOCK_NB) == 0 ? "two jobs get the same lock" : "";
    }

private:
    fs::path path_;
};

void refuse_busy_folder(const fs::path& run) {
    const OpenFile lock(report::RunPaths{run}.lock(), O_RDONLY);
    if (lock.number < 0 || ::flock(lock.number, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
    throw WriteError(concat(run.string(), " is in use by another job (", report::RunFolder::owner(run),
                            "); wait for it, stop it, or name another --run folder"));
}

/// Network file systems may show a new file a little later.
bool appears(const fs::path& file) {
    constexpr double kPatienceS = 3;
    const core::Timer timer;
    std::error_code error;
    while (!fs::exists(file, error)) {
        if (timer.seconds() > kPatienceS) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return true;
}

Finding examine_writing(comm::World& world, const fs::path& run) {
    std::unique_ptr<Borrowed> folder;
    std::unique_ptr<Probe> probe;
    double seconds = 0;
    std::string no_lock, name;
    world.on_root("writing into the run folder", [&] {
        refuse_busy_folder(run);
        folder = std::make_unique<Borrowed>(run);
        probe = std::make_unique<Probe>(run);
        seconds = probe->write_and_sync();
        no_lock = probe->lock_problem();
        name = probe->path().string();
    });
    name = world.broadcast(name);
    no_lock = world.broadcast(no_lock);
    const bool seen = appears(name);
    world.barrier();  // rank 0 removes the file only now
    if (!seen)
        return Finding::warning(concat("does not see what rank 0 writes into ", run.string(),
                                       ": a resume needs it; name a --run folder that all nodes see"));
    if (!no_lock.empty())
        return Finding::warning(concat(run.string(), " can be written, but not locked (", no_lock,
                                       "): make sure that no second job uses it"));
    return Finding::ok(
        concat(run.string(), " can be written and locked; 1 MiB is safe on disk after ", short_time(seconds)));
}

/// Of the closest folder that is there.
fs::space_info space_below(fs::path folder) {
    folder = fs::absolute(folder).lexically_normal();
    while (!fs::exists(folder)) folder = folder.parent_path();
    return fs::space(folder);
}

int64_t bytes_below(const fs::path& folder) {
    int64_t bytes = 0;
    std::error_code error;
    for (auto file = fs::recursive_directory_iterator(folder, error);
         !error && file != fs::recursive_directory_iterator(); file.increment(error))
        if (file->is_regular_file(error)) bytes += static_cast<int64_t>(file->file_size(error));
    return bytes;
}

}  // namespace

bool examine_folder(comm::World& world, Findings& findings, const fs::path& run) {
    return findings.check("run folder", [&] { return examine_writing(world, run); });
}

int64_t checkpoints_kept(const checkpoint::Options& options, int64_t total_steps) {
    const int64_t forever = options.keep_every > 0 ? total_steps / options.keep_every : 0;
    return options.keep_last + (options.keep_best ? 1 : 0) + forever + 1;
}

bool examine_space(comm::World& world, Findings& findings, const fs::path& run, const checkpoint::Options& options,
                   int64_t checkpoint_bytes, int64_t total_steps) {
    const auto text_of = [](int64_t bytes) { return core::human_bytes(static_cast<double>(bytes)); };
    return findings.check("free space", [&] {
        Finding found;
        world.on_root("looking for free space", [&] {
            const int64_t kept = checkpoints_kept(options, total_steps);
            const int64_t there = bytes_below(report::RunPaths{run}.checkpoints());
            const int64_t needed = std::max(checkpoint_bytes, checkpoint_bytes * kept - there);
            const auto free = static_cast<int64_t>(space_below(run).available);
            const auto text = concat(text_of(free), " free; ", kept, " checkpoints of ", text_of(checkpoint_bytes),
                                     " at a time need ", text_of(needed), there > 0 ? " more" : "");
            found = free >= needed
                        ? Finding::ok(text)
                        : Finding::fails(ExitCode::cannot_write,
                                         concat(text,
                                                ": free some space, name a --run folder on another disk, or lower "
                                                "checkpoint.keep_last and keep_every"));
        });
        return found;
    });
}

}  // namespace vox::app
