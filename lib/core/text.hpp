#pragma once
// Small text helpers that messages are made with.

#include <span>
#include <sstream>
#include <string>
#include <string_view>

namespace vox::core {

/// The arguments one after the other, each as operator<< prints it.
template <class... Parts>
std::string concat(const Parts&... parts) {
    std::ostringstream out;
    (out << ... << parts);
    return out.str();
}

/// "a, b, c".
template <class Range>
std::string join(const Range& items, std::string_view separator = ", ") {
    std::ostringstream out;
    bool first = true;
    for (const auto& item : items) {
        if (!first) out << separator;
        out << item;
        first = false;
    }
    return out.str();
}

/// "a, b and 5 more": names in a message, which may be many.
std::string join_first(std::span<const std::string> names, size_t most = 20);

/// The candidate with the smallest edit distance to `word`, or an empty text where none is near (more than half of the
/// word differs).  For "did you mean ...?".
std::string nearest(std::string_view word, std::span<const std::string> candidates);

/// "1.5 GiB", "300 MiB", "12 B".
std::string human_bytes(double bytes);

/// "2 h 05 min", "3 min 20 s", "4.2 s".
std::string human_seconds(double seconds);

}  // namespace vox::core
