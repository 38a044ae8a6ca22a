#pragma once
// What the fuzz targets share.  A target feeds bytes to a reader: it may accept or refuse them as its declaration says.  Whatever
// else happens is a finding: another exception, a fault that a sanitizer sees, a promise that `require` checks, too much time or
// memory.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace vox::fuzz {

/// Ends the program, which libFuzzer reports as a finding, unless `condition` holds.
inline void require(bool condition, const char* what) {
    if (condition) return;
    std::fprintf(stderr, "fuzz: broken promise: %s\n", what);
    std::abort();
}

/// True where `read` accepts its input, false where it throws a Refusal.  The message must begin with `where`.
template <class Refusal, class Read>
bool accepts(std::string_view where, Read&& read) {
    try {
        read();
        return true;
    } catch (const Refusal& refusal) {
        require(std::string_view(refusal.what()).starts_with(where), "a refusal names its file first");
        return false;
    }
}

inline std::string text_of(const uint8_t* data, size_t size) { return {reinterpret_cast<const char*>(data), size}; }

}  // namespace vox::fuzz
