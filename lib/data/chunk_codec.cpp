#include "data/chunk_codec.hpp"

#include <libdeflate.h>
#include <lz4.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <memory>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/shard_format.hpp"

namespace vox::data {
namespace {

using core::concat;
using core::DataError;
using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

constexpr int kGzipLevel = 6;
constexpr int kZstdLevel = 3;
constexpr std::array<std::string_view, 4> kNames{"none", "gzip", "zstd", "lz4"};

[[noreturn]] void corrupt(std::string_view codec, const std::string& why) {
    throw DataError(concat("the ", codec, " data of the chunk is damaged: ", why));
}

// The element size is a template argument so that the inner loops become vector code.
template <size_t kBytes>
void shuffle_elements(const std::byte* in, std::byte* out, size_t count) {
    for (size_t i = 0; i < count; ++i) {
        for (size_t b = 0; b < kBytes; ++b) out[b * count + i] = in[i * kBytes + b];
    }
}

template <size_t kBytes>
void unshuffle_elements(const std::byte* in, std::byte* out, size_t count) {
    for (size_t i = 0; i < count; ++i) {
        for (size_t b = 0; b < kBytes; ++b) out[i * kBytes + b] = in[b * count + i];
    }
}

void shuffle(size_t element_bytes, Bytes in, MutableBytes out) {
    const size_t count = in.size() / element_bytes;
    switch (element_bytes) {
        case 2: return shuffle_elements<2>(in.data(), out.data(), count);
        case 4: return shuffle_elements<4>(in.data(), out.data(), count);
        case 8: return shuffle_elements<8>(in.data(), out.data(), count);
        default: throw core::InternalError(concat("shuffle of ", element_bytes, " byte elements"));
    }
}

void unshuffle(size_t element_bytes, Bytes in, MutableBytes out) {
    const size_t count = in.size() / element_bytes;
    switch (element_bytes) {
        case 2: return unshuffle_elements<2>(in.data(), out.data(), count);
        case 4: return unshuffle_elements<4>(in.data(), out.data(), count);
        case 8: return unshuffle_elements<8>(in.data(), out.data(), count);
        default: throw core::InternalError(concat("unshuffle of ", element_bytes, " byte elements"));
    }
}

// Compressor states are kept per thread: making one costs more than a small chunk.
template <class T, auto kMake, auto kFree>
T* per_thread() {
    thread_local const std::unique_ptr<T, decltype(kFree)> state(kMake(), kFree);
    return state.get();
}
libdeflate_compressor* make_gzip() { return libdeflate_alloc_compressor(kGzipLevel); }

std::vector<std::byte> gzip(Bytes raw) {
    auto* state = per_thread<libdeflate_compressor, &make_gzip, &libdeflate_free_compressor>();
    std::vector<std::byte> out(libdeflate_zlib_compress_bound(state, raw.size()));
    out.resize(libdeflate_zlib_compress(state, raw.data(), raw.size(), out.data(), out.size()));
    core::check(!out.empty(), "libdeflate refused to compress a chunk");
    return out;
}

void gunzip(Bytes stored, MutableBytes raw) {
    auto* state = per_thread<libdeflate_decompressor, &libdeflate_alloc_decompressor, &libdeflate_free_decompressor>();
    const auto result =
        libdeflate_zlib_decompress(state, stored.data(), stored.size(), raw.data(), raw.size(), nullptr);
    if (result != LIBDEFLATE_SUCCESS) corrupt("gzip", concat("libdeflate result ", static_cast<int>(result)));
}

std::vector<std::byte> zstd(Bytes raw) {
    auto* state = per_thread<ZSTD_CCtx, &ZSTD_createCCtx, &ZSTD_freeCCtx>();
    std::vector<std::byte> out(ZSTD_compressBound(raw.size()));
    const size_t size = ZSTD_compressCCtx(state, out.data(), out.size(), raw.data(), raw.size(), kZstdLevel);
    core::check(ZSTD_isError(size) == 0, "zstd refused to compress a chunk");
    out.resize(size);
    return out;
}

void unzstd(Bytes stored, MutableBytes raw) {
    auto* state = per_thread<ZSTD_DCtx, &ZSTD_createDCtx, &ZSTD_freeDCtx>();
    const size_t size = ZSTD_decompressDCtx(state, raw.data(), raw.size(), stored.data(), stored.size());
    if (ZSTD_isError(size) != 0) corrupt("zstd", ZSTD_getErrorName(size));
    if (size != raw.size()) corrupt("zstd", concat("it holds ", size, " bytes, not ", raw.size()));
}

// Filter 32004's framing, all big-endian: 8 bytes decoded size, 4 bytes block size, then per block 4 bytes stored size and
// the block; a block whose stored size equals its decoded size is not compressed.
constexpr size_t kLz4Header = 12;
constexpr size_t kLz4BlockHeader = 4;

void put_big_endian(std::byte* out, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) out[i] = static_cast<std::byte>(value >> (8 * (bytes - 1 - i)));
}
uint64_t get_big_endian(const std::byte* in, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; ++i) value = value << 8 | static_cast<uint64_t>(in[i]);
    return value;
}

std::vector<std::byte> lz4(Bytes raw) {
    const int raw_size = static_cast<int>(raw.size());  // chunks are far below 2 GiB: checked by the writer
    const size_t head = kLz4Header + kLz4BlockHeader;
    std::vector<std::byte> out(head + static_cast<size_t>(LZ4_compressBound(raw_size)));
    int size =
        LZ4_compress_default(reinterpret_cast<const char*>(raw.data()), reinterpret_cast<char*>(out.data() + head),
                             raw_size, static_cast<int>(out.size() - head));
    if (size <= 0 || size >= raw_size) {
        std::ranges::copy(raw, out.begin() + head);
        size = raw_size;
    }
    put_big_endian(out.data(), raw.size(), 8);
    put_big_endian(out.data() + 8, raw.size(), 4);
    put_big_endian(out.data() + kLz4Header, static_cast<uint64_t>(size), 4);
    out.resize(head + static_cast<size_t>(size));
    return out;
}

void unlz4(Bytes stored, MutableBytes raw) {
    if (stored.size() < kLz4Header) corrupt("lz4", "it is shorter than its header");
    if (get_big_endian(stored.data(), 8) != raw.size()) corrupt("lz4", "its decoded size is not the chunk's");
    const size_t block = std::min<size_t>(get_big_endian(stored.data() + 8, 4), raw.size());
    if (block == 0) corrupt("lz4", "its block size is 0");
    size_t in = kLz4Header;
    for (size_t out = 0; out < raw.size();) {
        const size_t expected = std::min(block, raw.size() - out);
        if (stored.size() - in < kLz4BlockHeader) corrupt("lz4", "it ends within a block's header");
        const size_t size = get_big_endian(stored.data() + in, kLz4BlockHeader);
        in += kLz4BlockHeader;
        if (size > stored.size() - in) corrupt("lz4", "it ends within a block");
        if (size == expected) {
            std::memcpy(raw.data() + out, stored.data() + in, size);
        } else {
            const int got = LZ4_decompress_safe(reinterpret_cast<const char*>(stored.data() + in),
                                                reinterpret_cast<char*>(raw.data() + out), static_cast<int>(size),
                                                static_cast<int>(expected));
            if (got < 0 || static_cast<size_t>(got) != expected) corrupt("lz4", "a block does not decode");
        }
        in += size;
        out += expected;
    }
    if (in != stored.size()) corrupt("lz4", "bytes follow the last block");
}

std::vector<std::byte> compress(Codec codec, Bytes raw) {
    switch (codec) {
        case Codec::none: return {raw.begin(), raw.end()};
        case Codec::gzip: return gzip(raw);
        case Codec::zstd: return zstd(raw);
        case Codec::lz4: return lz4(raw);
    }
    throw core::InternalError("codec out of range");
}

void decompress(Codec codec, Bytes stored, MutableBytes raw) {
    switch (codec) {
        case Codec::none:
            if (stored.size() != raw.size()) {
                throw DataError(concat("the chunk has ", stored.size(), " bytes, not ", raw.size()));
            }
            std::ranges::copy(stored, raw.begin());
            return;
        case Codec::gzip: return gunzip(stored, raw);
        case Codec::zstd: return unzstd(stored, raw);
        case Codec::lz4: return unlz4(stored, raw);
    }
}

}  // namespace

std::string_view codec_name(Codec codec) { return kNames.at(static_cast<size_t>(codec)); }

Codec codec_from(std::string_view name) {
    for (size_t i = 0; i < kNames.size(); ++i) {
        if (kNames[i] == name) return static_cast<Codec>(i);
    }
    throw DataError(concat("unknown codec '", name, "'.  Known are ", core::join(kNames), "."));
}

std::vector<int> filter_ids(const ChunkFilters& filters) {
    std::vector<int> ids;
    if (filters.shuffle) ids.push_back(format::kFilterShuffle);
    if (filters.codec == Codec::gzip) ids.push_back(format::kFilterDeflate);
    if (filters.codec == Codec::zstd) ids.push_back(format::kFilterZstd);
    if (filters.codec == Codec::lz4) ids.push_back(format::kFilterLz4);
    return ids;
}

EncodedChunk encode_chunk(const ChunkFilters& filters, std::span<const std::byte> raw) {
    core::check(raw.size() <= format::kMaxChunkBytes, "a chunk is larger than the format allows");
    EncodedChunk chunk;
    if (filters.shuffle) {
        std::vector<std::byte> shuffled(raw.size());
        shuffle(filters.element_bytes, raw, shuffled);
        chunk.bytes = compress(filters.codec, shuffled);
    } else {
        chunk.bytes = compress(filters.codec, raw);
    }
    const size_t stages = filter_ids(filters).size();
    if (stages > 0 && chunk.bytes.size() >= raw.size()) {
        chunk.bytes.assign(raw.begin(), raw.end());
        chunk.filter_mask = (1U << stages) - 1U;
    }
    return chunk;
}

void decode_chunk(const ChunkFilters& filters, uint32_t filter_mask, std::span<const std::byte> stored,
                  std::span<std::byte> raw) {
    const uint32_t codec_bit = filters.shuffle ? 2U : 1U;
    const bool shuffled = filters.shuffle && (filter_mask & 1U) == 0;
    const Codec codec = (filter_mask & codec_bit) == 0 ? filters.codec : Codec::none;
    if (!shuffled) return decompress(codec, stored, raw);
    thread_local std::vector<std::byte> scratch;
    scratch.resize(raw.size());
    decompress(codec, stored, scratch);
    unshuffle(filters.element_bytes, scratch, raw);
}

}  // namespace vox::data
