#include "checkpoint/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "core/activity.hpp"
#include "core/error.hpp"
#include "core/read_at.hpp"
#include "core/text.hpp"

namespace vox::checkpoint {
namespace {

namespace fs = std::filesystem;
using core::concat;
using core::DataError;
using core::WriteError;

std::string reason(int error) { return std::generic_category().message(error); }

[[noreturn]] void cannot_write(const fs::path& path, const char* action, int error) {
    throw WriteError(concat("cannot ", action, ' ', path.string(), ": ", reason(error)));
}

}  // namespace

OutputFile::OutputFile(fs::path path)
    : path_(std::move(path)), descriptor_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
    if (descriptor_ < 0) cannot_write(path_, "create", errno);
}

OutputFile::~OutputFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

void OutputFile::write(const void* data, size_t bytes) {
    auto* next = static_cast<const char*>(data);
    core::count_progress();
    while (bytes > 0) {
        const ssize_t written = ::write(descriptor_, next, bytes);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) cannot_write(path_, "write", errno);
        if (written == 0) cannot_write(path_, "write", ENOSPC);  // POSIX allows it, and it would loop for ever
        next += written;
        bytes -= static_cast<size_t>(written);
    }
}

void OutputFile::close() {
    const int descriptor = std::exchange(descriptor_, -1);
    if (::close(descriptor) != 0) cannot_write(path_, "close", errno);
}

// O_NONBLOCK: opening a named pipe must not wait for its writer.
InputFile::InputFile(fs::path path)
    : path_(std::move(path)), descriptor_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (descriptor_ < 0) throw DataError(concat("cannot open ", path_.string(), ": ", reason(errno)));
    struct stat status{};
    if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
        ::close(descriptor_);
        throw DataError(concat(path_.string(), " is not a regular file"));
    }
    size_ = static_cast<uint64_t>(status.st_size);
}

InputFile::~InputFile() { ::close(descriptor_); }

void InputFile::read_at(uint64_t offset, void* data, size_t bytes) const {
    core::read_at(descriptor_, path_, offset, {static_cast<std::byte*>(data), bytes});
}

void sync_to_disk(const fs::path& path) {
    core::count_progress();
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) cannot_write(path, "open for fsync", errno);
    const int result = ::fsync(descriptor);
    const int error = errno;
    ::close(descriptor);
    if (result != 0) cannot_write(path, "fsync", error);
}

void put_in_place(const fs::path& from, const fs::path& to) {
    if (::rename(from.c_str(), to.c_str()) == 0) return;
    if (errno != ENOTEMPTY && errno != EEXIST) cannot_write(to, "rename a finished folder to", errno);
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) return;
    if (errno != EINVAL && errno != ENOSYS) cannot_write(to, "exchange a finished folder with", errno);
    // A file system without exchange: for a moment neither is in place.
    const fs::path aside = from.string() + ".old";
    if (::rename(to.c_str(), aside.c_str()) != 0) cannot_write(to, "move aside", errno);
    if (::rename(from.c_str(), to.c_str()) != 0) cannot_write(to, "rename a finished folder to", errno);
    if (::rename(aside.c_str(), from.c_str()) != 0) cannot_write(from, "rename the replaced folder to", errno);
}

bool is_real_folder(const fs::path& path) {
    std::error_code ignored;
    return fs::symlink_status(path, ignored).type() == fs::file_type::directory;
}

bool is_real_file(const fs::path& path) {
    std::error_code ignored;
    return fs::symlink_status(path, ignored).type() == fs::file_type::regular;
}

std::string read_text(const fs::path& path, uint64_t limit) {
    const InputFile file(path);
    if (file.size() > limit) {
        throw DataError(concat(path.string(), " has ", file.size(), " bytes; at most ", limit, " are expected"));
    }
    std::string text(file.size(), '\0');
    file.read_at(0, text.data(), text.size());
    return text;
}

}  // namespace vox::checkpoint
