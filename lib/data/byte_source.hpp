#pragma once

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <vector>

namespace vox::data {

/// The bytes of a file from front to back, decompressed on the way where the file is gzip (told by its first bytes, not by
/// its name).  Memory is bounded whatever the file claims.  One thread.
class ByteSource {
public:
    /// Throws DataError where the file is missing, is no file, or cannot be read.
    explicit ByteSource(const std::filesystem::path& file);
    ~ByteSource();
    ByteSource(const ByteSource&) = delete;
    ByteSource& operator=(const ByteSource&) = delete;

    /// Up to `count` bytes; fewer at the end only.  Throws DataError for a truncated or damaged gzip stream and for bytes
    /// behind it that are no gzip member.
    size_t read(std::byte* out, size_t count);
    /// No plain or gzip file of this size on disk can hold more bytes than this (deflate's best ratio is 1032 : 1).
    uint64_t most_bytes() const;

private:
    size_t read_compressed(std::byte* out, size_t count);
    bool fill_input();
    void finish_member();

    std::filesystem::path file_;
    std::ifstream stream_;
    uint64_t file_bytes_ = 0;
    bool compressed_ = false;
    bool ended_ = false;
    z_stream inflater_{};
    std::vector<unsigned char> input_;
};

}  // namespace vox::data
