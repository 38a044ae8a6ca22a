#pragma once
// From a chunk's place in a file to its voxels: pread, checksum, decode, cache.  No HDF5 here.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <utility>

#include "data/chunk_cache.hpp"
#include "data/chunked_array.hpp"

namespace vox::data {

/// A file open for reading by position.  Any thread.
class ReadOnlyFile {
public:
    /// Throws DataError where it cannot be opened.
    explicit ReadOnlyFile(const std::filesystem::path& path);
    ~ReadOnlyFile();
    ReadOnlyFile(const ReadOnlyFile&) = delete;
    ReadOnlyFile& operator=(const ReadOnlyFile&) = delete;

    uint64_t size() const { return size_; }
    /// Throws DataError where the file ends before, or reading fails and fails again (core/read_at.hpp).
    void read(uint64_t offset, std::span<std::byte> out) const;

private:
    std::filesystem::path path_;
    int descriptor_ = -1;
    uint64_t size_ = 0;
};

/// Any thread may call `read`; `keep_in` before the first.
class ChunkReader {
public:
    explicit ChunkReader(size_t cache_bytes) : store_(std::make_unique<ChunkCache>(cache_bytes)) {}

    /// From here on this store keeps what is decoded.
    void keep_in(std::unique_ptr<ChunkStore> store) { store_ = std::move(store); }

    /// Throws DataError naming file, case and chunk where the checksum is wrong or the chunk does not decode.
    DecodedChunk read(const ReadOnlyFile& file, const ChunkedArray& array, size_t index, int64_t epoch = kNoEpoch);

    const ChunkStore& store() const { return *store_; }
    int64_t chunks_decoded() const { return chunks_decoded_; }
    int64_t cache_hits() const { return cache_hits_; }
    int64_t bytes_read() const { return bytes_read_; }

private:
    void decode(const ReadOnlyFile& file, const ChunkedArray& array, size_t index, std::span<std::byte> voxels);

    std::unique_ptr<ChunkStore> store_;
    std::atomic<int64_t> chunks_decoded_ = 0, cache_hits_ = 0, bytes_read_ = 0;
};

}  // namespace vox::data
