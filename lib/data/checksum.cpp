#include "data/checksum.hpp"

#include <xxhash.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"

namespace vox::data {

uint64_t xxh3_64(std::span<const std::byte> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

uint64_t xxh3_64(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

uint64_t xxh3_64_of_file(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) throw core::DataError(core::concat(file.string(), ": cannot be opened"));
    const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(), &XXH3_freeState);
    XXH3_64bits_reset(state.get());
    std::vector<char> piece(size_t{1} << 20);
    while (in) {
        in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
        XXH3_64bits_update(state.get(), piece.data(), static_cast<size_t>(in.gcount()));
    }
    if (in.bad()) throw core::DataError(core::concat(file.string(), ": reading failed"));
    return XXH3_64bits_digest(state.get());
}

std::string hex(uint64_t value) {
    std::array<char, 17> text{};
    std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(value));
    return text.data();
}

}  // namespace vox::data
