// A whole safetensors file up to its tensors: the length, then the JSON header against the bytes that follow it.

#include <span>

#include "checkpoint/safetensors_header.hpp"
#include "fuzz.hpp"

namespace {

using namespace vox;

/// What a header promises to the code that reads the tensors.
void check_tiles(const checkpoint::Header& header, uint64_t data_bytes) {
    uint64_t expected = 0;
    for (const auto& tensor : header.tensors) {
        fuzz::require(tensor.begin == expected && tensor.end >= tensor.begin && tensor.end <= data_bytes,
                      "tensors lie one after the other inside the file");
        for (const int64_t size : tensor.shape) fuzz::require(size >= 0, "no axis is negative");
        expected = tensor.end;
    }
    fuzz::require(expected == data_bytes, "tensors fill the file");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string file = fuzz::text_of(data, size), where = "fuzz.safetensors";
    if (size < checkpoint::length_bytes) return 0;
    fuzz::accepts<core::DataError>(where, [&] {
        const std::span<const char, checkpoint::length_bytes> start(file.data(), checkpoint::length_bytes);
        const uint64_t length = checkpoint::header_length(start, size, where);
        fuzz::require(length <= size - checkpoint::length_bytes, "the header is inside the file");
        const uint64_t data_bytes = size - checkpoint::length_bytes - length;
        const auto header = checkpoint::parse_header(file.substr(checkpoint::length_bytes, length), data_bytes, where);
        check_tiles(header, data_bytes);
        const auto again = checkpoint::parse_header(checkpoint::header_text(header), data_bytes, where);
        fuzz::require(again.metadata == header.metadata && again.tensors.size() == header.tensors.size(),
                      "a header that was read can be written and read again");
    });
    return 0;
}
