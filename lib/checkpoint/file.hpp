#pragma once
// POSIX files with every return value checked: what std::fstream hides (fsync, the reason of a failure) is what counts
// here.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace vox::checkpoint {

/// A file being written.  Every function throws WriteError naming the file and the system's reason.
class OutputFile {
public:
    /// Creates or empties `path`.
    explicit OutputFile(std::filesystem::path path);
    ~OutputFile();
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;

    void write(const void* data, size_t bytes);
    /// Also reports what the system could only find out late (NFS, quota).
    void close();

private:
    std::filesystem::path path_;
    int descriptor_;
};

/// A regular file being read.  Every function throws DataError naming the file.
class InputFile {
public:
    explicit InputFile(std::filesystem::path path);
    ~InputFile();
    InputFile(const InputFile&) = delete;
    InputFile& operator=(const InputFile&) = delete;

    uint64_t size() const { return size_; }
    /// All `bytes` at `offset`; a shorter file is an error, one that cannot be read for a moment is not (core/read_at.hpp).
    void read_at(uint64_t offset, void* data, size_t bytes) const;

private:
    std::filesystem::path path_;
    int descriptor_;
    uint64_t size_ = 0;
};

/// Waits until the file's or folder's content is on the disk.  Throws WriteError.
void sync_to_disk(const std::filesystem::path& path);

/// `from` becomes `to` in one step; a folder that is there already is exchanged with it, so that one of the two is
/// always in place, and stays behind as `from`.  Throws WriteError.
void put_in_place(const std::filesystem::path& from, const std::filesystem::path& to);

/// True for a real folder or a real file, not for a link to one.
bool is_real_folder(const std::filesystem::path& path);
bool is_real_file(const std::filesystem::path& path);

/// The whole of a small text file.  Throws DataError where it is longer than `limit` bytes.
std::string read_text(const std::filesystem::path& path, uint64_t limit);

}  // namespace vox::checkpoint
