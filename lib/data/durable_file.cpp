#include "data/durable_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::data {
namespace {

using core::concat;
using core::WriteError;

[[noreturn]] void fail(const std::filesystem::path& path, std::string_view what, int error) {
    throw WriteError(concat(path.string(), ": ", what, ": ", std::strerror(error)));
}

void sync_path(const std::filesystem::path& path, int flags) {
    const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC);
    if (descriptor < 0) fail(path, "cannot be opened to be synced", errno);
    const bool synced = ::fsync(descriptor) == 0;
    const int error = errno;
    ::close(descriptor);
    // Some file systems cannot sync a folder and say so with EINVAL.
    if (!synced && error != EINVAL) fail(path, "cannot be synced to disk", error);
}

std::filesystem::path folder_of(const std::filesystem::path& file) {
    return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

}  // namespace

void publish_file(const std::filesystem::path& partial, const std::filesystem::path& file) {
    sync_path(partial, O_RDONLY);
    if (::rename(partial.c_str(), file.c_str()) != 0) fail(file, "cannot be put in place", errno);
    sync_path(folder_of(file), O_RDONLY | O_DIRECTORY);
}

void write_text_file(const std::filesystem::path& file, const std::string& text) {
    const std::filesystem::path partial = file.string() + ".partial";
    const int descriptor = ::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor < 0) fail(partial, "cannot be written", errno);
    for (size_t done = 0; done < text.size();) {
        const ssize_t wrote = ::write(descriptor, text.data() + done, text.size() - done);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) {
            const int error = errno;
            ::close(descriptor);
            ::unlink(partial.c_str());
            fail(partial, "cannot be written", error);
        }
        done += static_cast<size_t>(wrote);
    }
    ::close(descriptor);
    publish_file(partial, file);
}

void make_output_folder(const std::filesystem::path& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) fail(folder, "cannot be made", error.value());
    if (!std::filesystem::is_directory(folder, error)) {
        throw WriteError(concat(folder.string(), ": is a file, but has to be a folder.  Give another output folder."));
    }
    const std::filesystem::path probe = folder / concat(".write_probe_", ::getpid());
    const int descriptor = ::open(probe.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (descriptor < 0) fail(folder, "refuses new files", errno);
    ::close(descriptor);
    ::unlink(probe.c_str());
}

}  // namespace vox::data
