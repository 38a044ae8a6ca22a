#pragma once
// Chunks as standard HDF5 filters store them: byte shuffle (2), then deflate (1), zstd (32015) or lz4 (32004).

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vox::data {

enum class Codec { none, gzip, zstd, lz4 };

/// "none", "gzip", "zstd", "lz4"; `codec_from` throws DataError for another text.
std::string_view codec_name(Codec codec);
Codec codec_from(std::string_view name);

/// How chunks of one dataset are stored: [shuffle,] codec, in this order.
struct ChunkFilters {
    Codec codec = Codec::none;
    bool shuffle = false;
    size_t element_bytes = 1;  // what shuffle groups by
    bool operator==(const ChunkFilters&) const = default;
};

/// The HDF5 filter numbers of the pipeline, first applied first.
std::vector<int> filter_ids(const ChunkFilters& filters);

/// A chunk as it is stored.  Bit i of `filter_mask` says that filter i of the pipeline was not applied.
struct EncodedChunk {
    std::vector<std::byte> bytes;
    uint32_t filter_mask = 0;
};

/// Applies the filters; data that does not get smaller is stored as it is, with every filter masked out.  Any thread.
EncodedChunk encode_chunk(const ChunkFilters& filters, std::span<const std::byte> raw);

/// Undoes the filters that `filter_mask` does not exclude; `raw` must be exactly the decoded size, and nothing is ever
/// written beyond it.  Throws DataError where the stored bytes do not decode to exactly that.  Any thread.
void decode_chunk(const ChunkFilters& filters, uint32_t filter_mask, std::span<const std::byte> stored,
                  std::span<std::byte> raw);

}  // namespace vox::data
