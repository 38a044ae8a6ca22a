#pragma once
// The JSON header of a safetensors file.  Inside this module only.

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/safetensors.hpp"

namespace vox::checkpoint {

/// One tensor's line of the header; offsets count from the first byte after the header.
struct TensorEntry {
    std::string name;
    at::ScalarType dtype{};
    std::vector<int64_t> shape;
    uint64_t begin = 0;
    uint64_t end = 0;
};

struct Header {
    std::vector<TensorEntry> tensors;  // by rising offset
    Metadata metadata;
};

constexpr uint64_t header_limit = 100'000'000;  // the format's own

/// JSON padded with blanks so that the data start at a multiple of 8 bytes.  Throws InternalError for a dtype that the
/// format cannot hold.
std::string header_text(const Header& header);

/// Throws DataError, `where` in front, unless the tensors lie one after the other and fill `data_bytes` exactly.
Header parse_header(std::string_view text, uint64_t data_bytes, const std::string& where);

}  // namespace vox::checkpoint
