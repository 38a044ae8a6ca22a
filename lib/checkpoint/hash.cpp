#include "checkpoint/hash.hpp"

#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <vector>

#include "checkpoint/file.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::checkpoint {

uint64_t hash_bytes(const void* data, size_t bytes) { return XXH3_64bits(data, bytes); }

uint64_t hash_tensor(const at::Tensor& tensor) {
    const at::Tensor host = tensor.detach().to(at::kCPU).contiguous();
    return hash_bytes(host.const_data_ptr(), host.nbytes());
}

uint64_t hash_file(const std::filesystem::path& file) {
    const InputFile input(file);
    const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(), XXH3_freeState);
    XXH3_64bits_reset(state.get());
    std::vector<char> buffer(1 << 20);
    for (uint64_t offset = 0; offset < input.size();) {
        const size_t bytes = std::min<uint64_t>(buffer.size(), input.size() - offset);
        input.read_at(offset, buffer.data(), bytes);
        XXH3_64bits_update(state.get(), buffer.data(), bytes);
        offset += bytes;
    }
    return XXH3_64bits_digest(state.get());
}

uint64_t parameter_hash(const NamedTensors& tensors) {
    std::vector<std::string> lines;
    for (const auto& [name, value] : tensors) {
        lines.push_back(
            core::concat(name, ' ', value.scalar_type(), ' ', value.sizes(), ' ', to_hex(hash_tensor(value)), '\n'));
    }
    std::sort(lines.begin(), lines.end());
    const std::string text = core::join(lines, "");
    return hash_bytes(text.data(), text.size());
}

std::string to_hex(uint64_t hash) {
    std::string text(16, '0');
    for (size_t digit = 0; digit < 16; ++digit) text[15 - digit] = "0123456789abcdef"[(hash >> (4 * digit)) & 15u];
    return text;
}

uint64_t parse_hex(std::string_view text) {
    uint64_t hash = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), hash, 16);
    if (error != std::errc{} || stop != text.data() + text.size() || to_hex(hash) != text) {
        throw core::DataError(core::concat("'", text.substr(0, 32), "' is not a 64-bit hash"));
    }
    return hash;
}

}  // namespace vox::checkpoint
