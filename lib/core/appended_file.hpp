#pragma once
// A file that grows record by record, on a disk that may refuse for a while.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace vox::core {

/// What the log, metrics.jsonl and TensorBoard's files are: a training must not end because its notes do not fit on the disk.
/// Records that the disk refuses (full, quota, I/O error) wait in memory and go first as soon as it takes them; beyond
/// `most_waiting_bytes` new ones are lost, each as a whole.  One thread.
class AppendedFile {
public:
    static constexpr size_t most_waiting_bytes = size_t{16} << 20;

    /// Opens the file and creates it where it is missing; `flags` of open(2) besides (O_APPEND, O_EXCL).  Throws WriteError.
    AppendedFile(std::filesystem::path path, int flags);
    /// Tries once more to write what waits.
    ~AppendedFile();
    AppendedFile(const AppendedFile&) = delete;
    AppendedFile& operator=(const AppendedFile&) = delete;

    /// Writes what waits, then `record`.  Never throws for a disk.  Returns what a user should be told, mostly nothing: a line
    /// when the disk begins to refuse, and one when it took everything again.
    [[nodiscard]] std::string append(std::string_view record);

    /// Throws WriteError where something still waits after one more try, or was lost.
    void flush();

private:
    bool write_waiting();

    std::filesystem::path path_;
    int descriptor_ = -1;
    std::string waiting_;
    std::string reason_;  // the system's, while it refuses
    uint64_t lost_bytes_ = 0;
};

}  // namespace vox::core
