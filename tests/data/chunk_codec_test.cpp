#include "data/chunk_codec.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "core/error.hpp"

namespace vox::data {
namespace {

/// Smooth values (compressible), or noise (not).
std::vector<std::byte> sample(size_t bytes, bool noise) {
    std::mt19937 random(7);
    std::vector<std::byte> out(bytes);
    for (size_t i = 0; i < bytes; ++i) out[i] = static_cast<std::byte>(noise ? random() : i / 97 % 5);
    return out;
}

TEST(ChunkCodec, EveryCodecAndElementSizeGivesTheBytesBack) {
    for (const Codec codec : {Codec::none, Codec::gzip, Codec::zstd, Codec::lz4}) {
        for (const size_t element : {1, 2, 4, 8}) {
            for (const bool noise : {false, true}) {
                const ChunkFilters filters{codec, codec != Codec::none && element > 1, element};
                const auto raw = sample(size_t{8} * 4000, noise);
                const EncodedChunk chunk = encode_chunk(filters, raw);
                std::vector<std::byte> back(raw.size());
                decode_chunk(filters, chunk.filter_mask, chunk.bytes, back);
                EXPECT_EQ(back, raw) << codec_name(codec) << ' ' << element << ' ' << noise;
                EXPECT_LE(chunk.bytes.size(), raw.size());
                EXPECT_EQ(chunk.filter_mask != 0, noise && codec != Codec::none);
            }
        }
    }
}

TEST(ChunkCodec, DamagedOrTooLargeDataIsRefusedAndNothingIsWrittenBeyondTheChunk) {
    const auto raw = sample(32768, false);
    for (const Codec codec : {Codec::gzip, Codec::zstd, Codec::lz4}) {
        const ChunkFilters filters{codec, false, 1};
        const EncodedChunk chunk = encode_chunk(filters, raw);
        // A bomb: the stored bytes decode to more than the chunk.
        std::vector<std::byte> guarded(20000 + 64, std::byte{0x5a});
        EXPECT_THROW(decode_chunk(filters, 0, chunk.bytes, std::span(guarded).first(20000)), core::DataError);
        for (size_t i = 20000; i < guarded.size(); ++i) ASSERT_EQ(guarded[i], std::byte{0x5a}) << codec_name(codec);
        // Too little.
        std::vector<std::byte> larger(raw.size() + 1);
        EXPECT_THROW(decode_chunk(filters, 0, chunk.bytes, larger), core::DataError);
        // Every truncation.
        std::vector<std::byte> back(raw.size());
        for (size_t size = 0; size < chunk.bytes.size(); size += 7) {
            EXPECT_THROW(decode_chunk(filters, 0, std::span(chunk.bytes).first(size), back), core::DataError);
        }
        // Any flipped bit either is refused or changes bytes inside the chunk only.
        for (size_t bit = 0; bit < 8 * std::min<size_t>(chunk.bytes.size(), 200); ++bit) {
            auto damaged = chunk.bytes;
            damaged[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
            try {
                decode_chunk(filters, 0, damaged, back);
            } catch (const core::DataError&) {
            }
        }
    }
}

TEST(ChunkCodec, UnknownNamesAreRefused) {
    EXPECT_EQ(codec_from("zstd"), Codec::zstd);
    EXPECT_THROW(codec_from("brotli"), core::DataError);
}

}  // namespace
}  // namespace vox::data
