#include "data/chunk_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.hpp"
#include "core/read_at.hpp"
#include "core/text.hpp"
#include "data/checksum.hpp"

namespace vox::data {

using core::concat;
using core::DataError;

ReadOnlyFile::ReadOnlyFile(const std::filesystem::path& path)
    : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) throw DataError(concat(path.string(), ": cannot be opened: ", std::strerror(errno)));
    struct stat status{};
    if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
        ::close(descriptor_);
        throw DataError(concat(path.string(), ": is not a regular file"));
    }
    size_ = static_cast<uint64_t>(status.st_size);
}

ReadOnlyFile::~ReadOnlyFile() { ::close(descriptor_); }

void ReadOnlyFile::read(uint64_t offset, std::span<std::byte> out) const {
    core::read_at(descriptor_, path_, offset, out);
}

DecodedChunk ChunkReader::read(const ReadOnlyFile& file, const ChunkedArray& array, size_t index, int64_t epoch) {
    if (array.places[index].bytes == 0) return {};
    bool kept = true;
    const auto chunk =
        store_->get({array.first_key + index, array.chunk_bytes(), epoch}, [&](std::span<std::byte> voxels) {
            kept = false;
            decode(file, array, index, voxels);
        });
    if (kept) ++cache_hits_;
    return chunk;
}

void ChunkReader::decode(const ReadOnlyFile& file, const ChunkedArray& array, size_t index,
                         std::span<std::byte> voxels) {
    const ChunkPlace& place = array.places[index];
    thread_local std::vector<std::byte> stored;
    stored.resize(place.bytes);
    file.read(place.offset, stored);
    bytes_read_ += place.bytes;
    // Checked before decoding, so that the decoder only ever sees what the writer wrote.
    if (xxh3_64(stored) != place.xxh3) {
        throw DataError(concat(array.where, ": ", array.describe(index),
                               ": the checksum is wrong, the file is damaged.  Convert the case again."));
    }
    try {
        decode_chunk(array.filters, place.filter_mask, stored, voxels);
    } catch (const DataError& error) {
        throw DataError(concat(array.where, ": ", array.describe(index), ": ", error.what()));
    }
    ++chunks_decoded_;
}

}  // namespace vox::data
