#include "core/appended_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::core {

AppendedFile::AppendedFile(std::filesystem::path path, int flags)
    : path_(std::move(path)), descriptor_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644)) {
    if (descriptor_ < 0)
        throw WriteError(
            concat("cannot open ", path_.string(), " for writing (", std::generic_category().message(errno), ")"));
}

AppendedFile::~AppendedFile() {
    write_waiting();
    ::close(descriptor_);
}

/// True where nothing waits any more.  A part of a record may be written: the rest of it goes first the next time.
bool AppendedFile::write_waiting() {
    while (!waiting_.empty()) {
        const ssize_t written = ::write(descriptor_, waiting_.data(), waiting_.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            reason_ = std::generic_category().message(written < 0 ? errno : ENOSPC);
            return false;
        }
        waiting_.erase(0, static_cast<size_t>(written));
    }
    reason_.clear();
    return true;
}

std::string AppendedFile::append(std::string_view record) {
    const bool refused_before = !reason_.empty();
    if (!write_waiting() && waiting_.size() + record.size() > most_waiting_bytes)
        lost_bytes_ += record.size();
    else
        waiting_ += record;
    if (write_waiting()) {
        if (!refused_before) return "";
        if (lost_bytes_ == 0) return concat(path_.string(), " is written again, and nothing of it was lost");
        return concat(path_.string(), " is written again; ", lost_bytes_, " bytes of it were lost");
    }
    if (refused_before) return "";
    return concat("cannot write ", path_.string(), " (", reason_,
                  "): the run goes on, and what belongs there waits in memory until the disk takes it");
}

void AppendedFile::flush() {
    if (!write_waiting())
        throw WriteError(concat("cannot write ", path_.string(), " (", reason_, "): ", waiting_.size() + lost_bytes_,
                                " bytes of it are missing; is the disk full?"));
    if (lost_bytes_ > 0)
        throw WriteError(
            concat(lost_bytes_, " bytes of ", path_.string(), " were lost while the disk refused to write"));
}

}  // namespace vox::core
