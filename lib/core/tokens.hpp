#pragma once
// Tokens that mean no word: what encodes texts and what reads them agree on these.

#include <cstdint>

namespace vox::core {

inline constexpr int64_t kPadToken = 0;  // fills a row of tokens behind the text
inline constexpr int64_t kBeginToken = 1;  // before the first word
inline constexpr int64_t kEndToken = 2;  // after the last one

}  // namespace vox::core
