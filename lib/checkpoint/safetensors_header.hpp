#pragma once
// The header of a safetensors file: a length and JSON.  Inside this module only, and free of LibTorch, so that fuzzing can
// compile it alone.

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vox::checkpoint {

/// The element types that are read and written.
enum class Dtype { f64, f32, f16, bf16, i64, i32, i16, u8, boolean };

/// One tensor's line of the header; offsets count from the first byte after the header.
struct TensorEntry {
    std::string name;
    Dtype dtype{};
    std::vector<int64_t> shape;
    uint64_t begin = 0;
    uint64_t end = 0;
};

struct Header {
    std::vector<TensorEntry> tensors;  // by rising offset
    std::map<std::string, std::string> metadata;
};

constexpr uint64_t header_limit = 100'000'000;  // the format's own

constexpr size_t length_bytes = 8;  // of the header's length, which stands before it

/// The length of the header that follows `start`, the first `length_bytes` of a file of `file_bytes` in all.  Throws
/// DataError, `where` in front, for a length that the file or the format does not allow, and says so where it is a pickle.
uint64_t header_length(std::span<const char, length_bytes> start, uint64_t file_bytes, const std::string& where);

/// JSON padded with blanks so that the data start at a multiple of 8 bytes.
std::string header_text(const Header& header);

/// Throws DataError, `where` in front, unless the tensors lie one after the other and fill `data_bytes` exactly.
Header parse_header(std::string_view text, uint64_t data_bytes, const std::string& where);

}  // namespace vox::checkpoint
