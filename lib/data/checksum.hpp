#pragma once
// XXH3-64: the checksum of chunks, of shard files and of dataset.json.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace vox::data {

uint64_t xxh3_64(std::span<const std::byte> bytes);
uint64_t xxh3_64(std::string_view text);
/// Of a whole file, read in pieces.  Throws DataError where it cannot be read.
uint64_t xxh3_64_of_file(const std::filesystem::path& file);
/// 16 lower-case hex digits.
std::string hex(uint64_t value);

}  // namespace vox::data
