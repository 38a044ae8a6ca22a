// Stored chunks: the first four bytes choose filters, mask and decoded size, the rest is what the file holds.
// Decoded memory is exactly as large as the chunk, so that AddressSanitizer sees a byte beyond.

#include <cstring>
#include <span>
#include <vector>

#include "data/chunk_codec.hpp"
#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace vox;
    if (size < 4) return 0;
    data::ChunkFilters filters;
    filters.codec = static_cast<data::Codec>(data[0] % 4);
    filters.element_bytes = size_t{1} << (data[0] >> 2) % 4;
    filters.shuffle = filters.element_bytes > 1 && (data[0] & 0x10) != 0;
    const uint32_t mask = data[1] % (1U << data::filter_ids(filters).size());
    const size_t elements = data[2] | (data[3] & 0x0fU) << 8;
    std::vector<std::byte> stored(size - 4), raw(elements * filters.element_bytes);
    if (!stored.empty()) std::memcpy(stored.data(), data + 4, stored.size());
    fuzz::accepts<core::DataError>("", [&] { data::decode_chunk(filters, mask, stored, raw); });

    // The same bytes as voxels: what is encoded decodes to itself.
    stored.resize(stored.size() / filters.element_bytes * filters.element_bytes);
    const auto chunk = data::encode_chunk(filters, stored);
    std::vector<std::byte> back(stored.size());
    data::decode_chunk(filters, chunk.filter_mask, chunk.bytes, back);
    fuzz::require(back == stored, "a chunk decodes to what was encoded");
    fuzz::require(chunk.bytes.size() <= stored.size(), "a stored chunk is no larger than its voxels");
    return 0;
}
