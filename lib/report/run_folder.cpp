#include "report/run_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"

namespace vox::report {
namespace {

using core::concat;
using core::WriteError;

std::string host_name() {
    std::array<char, 256> name{};
    if (gethostname(name.data(), name.size() - 1) != 0) return "unknown host";
    return name.data();
}

std::string first_line(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::string line;
    std::getline(in, line);
    return line;
}

}  // namespace

RunFolder::RunFolder(const std::filesystem::path& root, const std::string& job) : paths_{root} {
    create();
    take_lock(job);
}

RunFolder::~RunFolder() {
    if (lock_ >= 0)
        ::close(lock_);  // the file stays: removing it would let two processes lock two files of the same name
}

void RunFolder::create() {
    std::error_code error;
    for (const auto& folder : {paths_.root, paths_.checkpoints(), paths_.previews(), paths_.tensorboard()}) {
        const auto status = std::filesystem::status(folder, error);
        if (std::filesystem::exists(status) && !std::filesystem::is_directory(status)) {
            throw WriteError(
                concat("the run folder ", folder.string(),
                       " cannot be created: a file is in its place; move it away or name another --run folder"));
        }
        std::filesystem::create_directories(folder, error);
        if (error) {
            throw WriteError(concat("the run folder ", folder.string(), " cannot be created (", error.message(),
                                    "); name a --run folder on a disk that can be written"));
        }
    }
}

std::string RunFolder::owner(const std::filesystem::path& root) { return first_line(RunPaths{root}.lock()); }

void RunFolder::take_lock(const std::string& job) {
    // flock and not the file's existence: the kernel lets go of it when the process ends, kill -9 included.
    lock_ = ::open(paths_.lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (lock_ < 0) {
        throw WriteError(concat("the run folder ", paths_.root.string(), " cannot be written (", std::strerror(errno),
                                "); name a --run folder on a disk that can be written"));
    }
    if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
        const int reason = errno;
        if (reason == EWOULDBLOCK) {
            ::close(lock_);
            throw WriteError(concat("the run folder ", paths_.root.string(), " is in use by another job (",
                                    owner(paths_.root), "); wait for it, stop it, or name another --run folder"));
        }
        // Some network file systems know no locks: then nothing keeps a second job out, but training is possible.
        core::log::warning("the run folder ", paths_.root.string(), " cannot be locked (", std::strerror(reason),
                           "): make sure that no second job uses it");
        return;
    }
    const std::string self = concat("process ", getpid(), " on ", host_name(), job.empty() ? "" : ", ", job, '\n');
    if (::ftruncate(lock_, 0) != 0 ||
        ::pwrite(lock_, self.data(), self.size(), 0) != static_cast<ssize_t>(self.size())) {
        const int reason = errno;
        ::close(lock_);
        throw WriteError(
            concat("cannot write ", paths_.lock().string(), " (", std::strerror(reason), "); free some disk space"));
    }
}

}  // namespace vox::report
