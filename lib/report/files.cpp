#include "report/files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::report {

using core::concat;
using core::WriteError;

namespace {

void write_all(int descriptor, std::string_view bytes, const std::filesystem::path& file) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            throw WriteError(
                concat("cannot write ", file.string(), " (", std::strerror(errno), "); is the disk full?"));
        }
        bytes.remove_prefix(static_cast<size_t>(written));
    }
}

}  // namespace

void replace_file(const std::filesystem::path& file, std::string_view bytes) {
    std::filesystem::path temporary = file;
    temporary += ".tmp";
    const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor < 0) {
        throw WriteError(concat("cannot create ", temporary.string(), " (", std::strerror(errno), ")"));
    }
    try {
        write_all(descriptor, bytes, temporary);
    } catch (...) {
        ::close(descriptor);
        ::unlink(temporary.c_str());
        throw;
    }
    // Some file systems report a failed write only here.
    if (::close(descriptor) != 0) {
        throw WriteError(concat("cannot write ", temporary.string(), " (", std::strerror(errno), ")"));
    }
    std::error_code error;
    std::filesystem::rename(temporary, file, error);
    if (error) throw WriteError(concat("cannot put ", file.string(), " in place (", error.message(), ")"));
}

std::string read_file_or_empty(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream out;
    if (in) out << in.rdbuf();
    return std::move(out).str();
}

}  // namespace vox::report
